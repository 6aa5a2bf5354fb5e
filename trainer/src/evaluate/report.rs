//! The figures of a test set.

use std::path::Path;

use dcac_model::retrieval::Metrics;
use serde::{Deserialize, Serialize};

use crate::embedder::Broken;
use crate::files;
use crate::retrieval::{CameraPair, RocPoint};

/// Figures of one test set; shares from 0 to 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Layout of the test set.
    pub dataset: String,
    /// Its folder.
    pub folder: String,
    /// Share of queries whose first answer is right.
    pub rank1: f64,
    /// Share with a right answer among the first 5.
    pub rank5: f64,
    /// Share with a right answer among the first 10.
    pub rank10: f64,
    /// Everything else.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Points of the receiver operating characteristic that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<RocPoint>,
    /// Measures within each camera of the gallery, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<CameraPair>,
    /// Whether each camera's mean and deviation were taken out of embeddings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normalized_cameras: bool,
    /// k1, k2 and λ of the re-ranking, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reranked: Option<[f32; 3]>,
    /// Gallery images that every query was averaged with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded_by: Option<usize>,
    /// Files that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
}

impl Report {
    /// What the test set is called beside others: its folder's last part and its layout.
    pub fn name(&self) -> String {
        let folder = files::name(Path::new(&self.folder));
        format!("{folder} ({})", self.dataset)
    }

    /// Rank-1 and mAP where each query sees the images of one other camera alone: the mean over
    /// queries and other cameras. None unless cameras were measured.
    pub fn across_cameras(&self) -> Option<(f64, f64)> {
        let others = self
            .cameras
            .iter()
            .filter(|pair| pair.query != pair.gallery);
        let (mut queries, mut rank1, mut map) = (0.0, 0.0, 0.0);
        for pair in others {
            queries += pair.queries as f64;
            rank1 += pair.rank1 * pair.queries as f64;
            map += pair.map * pair.queries as f64;
        }
        (queries > 0.0).then(|| (rank1 / queries, map / queries))
    }

    /// The main figures in a line.
    pub fn line(&self) -> String {
        format!(
            "{}  Rank-1 {:.1}  mAP {:.1}",
            self.folder,
            100.0 * self.rank1,
            100.0 * self.metrics.map
        )
    }

    /// The figures in percent, for people, with the CMC at `ranks`.
    pub fn table(&self, ranks: &[usize]) -> String {
        let metrics = &self.metrics;
        let mut table = format!("{}\n{} queries", self.folder, metrics.queries);
        if metrics.skipped > 0 {
            let skipped = metrics.skipped;
            table += &format!(" ({skipped} without a match from another camera left out)");
        }
        table += &format!(", {} gallery images\n", metrics.gallery);
        if self.normalized_cameras {
            table += "embeddings normalised by camera, as the gallery has them\n";
        }
        if let Some(count) = self.expanded_by {
            table += &format!("queries averaged with their {count} nearest gallery images\n");
        }
        if let Some([k1, k2, lambda]) = self.reranked {
            table += &format!("re-ranked with k1 {k1}, k2 {k2}, lambda {lambda}\n");
        }
        let mut line = |name: &str, share: f64, chance: Option<f64>| {
            table += &format!("{name:<8}{:6.1}", 100.0 * share);
            if let Some(chance) = chance {
                table += &format!("   (chance {:.1})", 100.0 * chance);
            }
            table += "\n";
        };
        for &rank in ranks {
            let chance = (rank == 1).then_some(metrics.chance_rank1);
            line(&format!("Rank-{rank}"), metrics.rank(rank), chance);
        }
        line("mAP", metrics.map, Some(metrics.chance_map));
        line("mINP", metrics.minp, None);
        for point in &self.roc {
            table += &format!(
                "true pairs accepted at {} false ones  {:6.1}   (scores above {:.4})\n",
                point.fpr,
                100.0 * point.tpr,
                point.threshold
            );
        }
        if !self.cameras.is_empty() {
            table += "query camera  gallery camera  queries  Rank-1    mAP\n";
        }
        for pair in &self.cameras {
            table += &format!(
                "{:12}  {:14}  {:7}  {:6.1}  {:5.1}\n",
                pair.query,
                pair.gallery,
                pair.queries,
                100.0 * pair.rank1,
                100.0 * pair.map
            );
        }
        if let Some((rank1, map)) = self.across_cameras() {
            table += &format!(
                "in another camera's images alone, mean{:9.1}  {:5.1}\n",
                100.0 * rank1,
                100.0 * map
            );
        }
        table
    }
}
