//! Every image of a data set, read and decoded once.

use std::path::PathBuf;

use anyhow::Result;
use dcac_model::image::decode;
use dcac_model::retrieval::Label;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::{Crop, NamedData, Split};
use crate::files;
use crate::progress;

/// An image that was looked at.
pub struct Seen {
    /// Its file.
    pub path: PathBuf,
    /// Its identity and camera.
    pub label: Label,
    /// SHA-256 of its bytes; none if they cannot be read.
    pub digest: Option<[u8; 32]>,
    /// Width and height, or why it cannot be used.
    pub size: Result<(usize, usize), String>,
}

/// The images of some splits, or why a split cannot be listed.
pub struct Examined {
    /// The data.
    pub data: NamedData,
    /// Splits in the order that was asked for.
    pub splits: Vec<(Split, Result<Vec<Seen>, String>)>,
}

impl Examined {
    /// Reads every image, on all cores.
    pub fn read(data: &NamedData, splits: &[Split]) -> Self {
        let look = |split: Split| {
            let crops = data.split(split).map_err(|error| format!("{error:#}"))?;
            let bar = progress::bar(split.name(), crops.len());
            let seen = crops
                .into_par_iter()
                .map(|crop| {
                    bar.inc(1);
                    see(crop)
                })
                .collect();
            bar.finish_and_clear();
            Ok(seen)
        };
        Self {
            data: data.clone(),
            splits: splits.iter().map(|&split| (split, look(split))).collect(),
        }
    }

    /// The images of a split; none if it was not looked at or cannot be listed.
    pub fn of(&self, split: Split) -> &[Seen] {
        let found = self.splits.iter().find(|(other, _)| *other == split);
        match found {
            Some((_, Ok(seen))) => seen,
            _ => &[],
        }
    }

    /// Query and gallery images.
    pub fn tested(&self) -> impl Iterator<Item = &Seen> {
        let query = self.of(Split::Query).iter();
        query.chain(self.of(Split::Gallery))
    }
}

fn see(crop: Crop) -> Seen {
    let bytes = files::read(&crop.path);
    let digest = (bytes.as_ref().ok()).map(|bytes| Sha256::digest(bytes).into());
    let size = match bytes {
        Ok(bytes) => decode(&bytes)
            .map(|pixels| (pixels.width(), pixels.height()))
            .map_err(|error| format!("{}: {error}", crop.path.display())),
        Err(error) => Err(format!("{error:#}")),
    };
    Seen {
        path: crop.path,
        label: crop.label,
        digest,
        size,
    }
}
