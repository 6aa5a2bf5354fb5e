//! Measures within one camera of the gallery.

use std::collections::BTreeMap;

use anyhow::Result;
use dcac_model::retrieval::{Found, Gallery, Label};
use serde::{Deserialize, Serialize};

/// How well queries of one camera find images of another one among that one's images alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraPair {
    /// Camera of the queries.
    pub query: u32,
    /// Camera of the gallery images.
    pub gallery: u32,
    /// Queries with a true match there.
    pub queries: usize,
    /// Share of them whose first answer is right.
    pub rank1: f64,
    /// Mean average precision.
    pub map: f64,
}

/// The labels of a gallery, camera by camera.
pub struct Cameras(BTreeMap<u32, (Vec<usize>, Vec<Label>)>);

/// [`Cameras`], arranged for queries.
pub struct Arranged<'a>(Vec<(u32, &'a [usize], Gallery<'a>)>);

impl Cameras {
    pub fn of(labels: &[Label]) -> Self {
        let mut cameras = BTreeMap::<u32, (Vec<usize>, Vec<Label>)>::new();
        for (index, label) in labels.iter().enumerate() {
            let (indices, labels) = cameras.entry(label.camera).or_default();
            indices.push(index);
            labels.push(*label);
        }
        Self(cameras)
    }

    pub fn arrange(&self) -> Arranged<'_> {
        let arranged = (self.0.iter())
            .map(|(camera, (indices, labels))| (*camera, &indices[..], Gallery::new(labels)));
        Arranged(arranged.collect())
    }
}

impl Arranged<'_> {
    /// What is found for a query in each camera.
    pub fn measure(&self, query: Label, scores: &[f32]) -> Result<Vec<Option<Found>>> {
        let within = |(_, indices, gallery): &(u32, &[usize], Gallery)| {
            let mut scores: Vec<f32> = indices.iter().map(|&index| scores[index]).collect();
            Ok(gallery.measure(query, &mut scores)?)
        };
        self.0.iter().map(within).collect()
    }

    /// The means of what was found for all queries, pairs without a true match left out.
    pub fn means(&self, queries: &[Label], found: &[Vec<Option<Found>>]) -> Vec<CameraPair> {
        let mut pairs = BTreeMap::<(u32, u32), CameraPair>::new();
        for (query, found) in queries.iter().zip(found) {
            for ((gallery, ..), found) in self.0.iter().zip(found) {
                let Some(found) = found else { continue };
                let pair = pairs.entry((query.camera, *gallery)).or_insert(CameraPair {
                    query: query.camera,
                    gallery: *gallery,
                    queries: 0,
                    rank1: 0.0,
                    map: 0.0,
                });
                pair.queries += 1;
                pair.rank1 += f64::from(u8::from(found.first == 1));
                pair.map += found.average_precision;
            }
        }
        let mut pairs: Vec<CameraPair> = pairs.into_values().collect();
        for pair in &mut pairs {
            pair.rank1 /= pair.queries as f64;
            pair.map /= pair.queries as f64;
        }
        pairs
    }
}
