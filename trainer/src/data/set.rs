//! The training images of one or several sources.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use dcac_model::reid::TrainingIdentity;

use super::{NamedData, Split};

/// One training image.
#[derive(Clone, Debug)]
pub struct TrainingImage {
    /// Its file.
    pub path: PathBuf,
    /// Its identity, below [`TrainingSet::identities`].
    pub label: usize,
    /// Its camera, below [`TrainingSet::cameras`].
    pub camera: usize,
}

/// What one source brings to a training set.
#[derive(Clone, Debug)]
pub struct SourceCount {
    /// The source as NAME=DIR.
    pub source: String,
    /// Its images.
    pub images: usize,
    /// Its identities.
    pub identities: usize,
    /// Its cameras.
    pub cameras: usize,
}

impl fmt::Display for SourceCount {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{}  {} images, {} identities, {} cameras",
            self.source, self.images, self.identities, self.cameras
        )
    }
}

/// Training crops with contiguous labels and cameras.
pub struct TrainingSet {
    /// The images, source by source.
    pub images: Vec<TrainingImage>,
    /// N.
    pub identities: usize,
    /// Who they are, in the order of labels.
    pub people: Vec<TrainingIdentity>,
    /// Cameras of all sources.
    pub cameras: usize,
    /// What each source brings.
    pub sources: Vec<SourceCount>,
}

impl TrainingSet {
    /// Merges the training splits of all sources: labels are indices into each source's
    /// sorted identities, offset source by source, and so are cameras.
    pub fn read(sources: &[NamedData]) -> Result<Self> {
        let mut set = Self {
            images: Vec::new(),
            identities: 0,
            people: Vec::new(),
            cameras: 0,
            sources: Vec::new(),
        };
        for source in sources {
            let crops = source.split(Split::Train)?;
            let identities = distinct(crops.iter().map(|crop| crop.label.identity));
            let cameras = distinct(crops.iter().map(|crop| crop.label.camera));
            set.sources.push(SourceCount {
                source: source.to_string(),
                images: crops.len(),
                identities: identities.len(),
                cameras: cameras.len(),
            });
            let name = source.name();
            set.people
                .extend(identities.iter().map(|&identity| TrainingIdentity {
                    source: name.clone(),
                    identity,
                    images: 0,
                }));
            for crop in crops {
                let label = identities.binary_search(&crop.label.identity);
                let camera = cameras.binary_search(&crop.label.camera);
                if let (Ok(label), Ok(camera)) = (label, camera) {
                    set.people[set.identities + label].images += 1;
                    set.images.push(TrainingImage {
                        path: crop.path,
                        label: set.identities + label,
                        camera: set.cameras + camera,
                    });
                }
            }
            set.identities += identities.len();
            set.cameras += cameras.len();
        }
        Ok(set)
    }

    /// Files of the images.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.images.iter().map(|image| image.path.clone()).collect()
    }

    /// Labels of the images.
    pub fn labels(&self) -> Vec<usize> {
        self.images.iter().map(|image| image.label).collect()
    }
}

/// The distinct values, sorted.
pub fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = values.collect();
    all.sort_unstable();
    all.dedup();
    all
}
