//! Batches of pixels, decoded and augmented ahead of the step.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Result, bail};
use dcac_model::image::{Augmentation, Preprocess};
use rayon::prelude::*;

use super::{TrainingSet, read_pixels};
use crate::random;

/// What a step needs of its images, or a replica of its rows.
pub struct TrainBatch {
    /// Indices into the training set.
    pub indices: Vec<usize>,
    /// Labels.
    pub labels: Vec<usize>,
    /// Cameras.
    pub cameras: Vec<usize>,
    /// The rows that have pixels here, b of B.
    pub rows: Range<usize>,
    /// Their augmented, normalised pixels, `[b, 3, height, width]`.
    pub pixels: Vec<f32>,
}

/// How an image is shown to the encoder while training.
#[derive(Clone)]
pub struct View {
    /// Size and normalisation.
    pub preprocess: Preprocess,
    /// Law of the augmentation.
    pub augment: Augmentation,
    /// Seed of the run.
    pub seed: u64,
}

/// Batches that a thread of its own prepares while the step computes.
pub struct Loader {
    batches: Receiver<Result<TrainBatch>>,
}

/// Batches ready before they are asked for: bounds the memory.
const AHEAD: usize = 2;

impl Loader {
    /// Prepares `rows` of all `batches` (of image indices) in order. `first_step` numbers the first;
    /// an image's augmentation depends on seed, step and place in the batch alone.
    pub fn start(
        set: &Arc<TrainingSet>,
        view: &View,
        batches: Vec<Vec<usize>>,
        rows: Range<usize>,
        first_step: u64,
    ) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        let (set, view) = (Arc::clone(set), view.clone());
        std::thread::spawn(move || {
            for (step, indices) in (first_step..).zip(batches) {
                let batch = prepare(&set, &view, indices, rows.clone(), step);
                let failed = batch.is_err();
                // An error of `send` means that the loop has ended; so does this thread.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Self { batches: receiver }
    }

    /// The next batch.
    pub fn next(&self) -> Result<TrainBatch> {
        match self.batches.recv() {
            Ok(batch) => batch,
            Err(_) => bail!("the thread that loads images has stopped"),
        }
    }
}

fn prepare(
    set: &TrainingSet,
    view: &View,
    indices: Vec<usize>,
    rows: Range<usize>,
    step: u64,
) -> Result<TrainBatch> {
    let size = view.preprocess.len();
    let mut pixels = vec![0.0; rows.len() * size];
    let own = rows.clone().into_par_iter().zip(&indices[rows.clone()]);
    (pixels.par_chunks_mut(size).zip(own)).try_for_each(
        |(out, (place, &index))| -> Result<()> {
            let image = read_pixels(&set.images[index].path)?;
            let mut rng = random::stream(view.seed, "augment", step << 16 | place as u64);
            let params = view.augment.sample(&view.preprocess, &mut rng);
            params.apply(&view.preprocess, &image, out);
            Ok(())
        },
    )?;
    Ok(TrainBatch {
        labels: indices.iter().map(|&i| set.images[i].label).collect(),
        cameras: indices.iter().map(|&i| set.images[i].camera).collect(),
        indices,
        rows,
        pixels,
    })
}

/// Normalised pixels `[n, 3, height, width]` of files, without augmentation.
pub fn plain(paths: &[PathBuf], preprocess: &Preprocess) -> Result<Vec<f32>> {
    let size = preprocess.len();
    let mut pixels = vec![0.0; paths.len() * size];
    (pixels.par_chunks_mut(size).zip(paths)).try_for_each(|(out, path)| -> Result<()> {
        preprocess.apply(&read_pixels(path)?, out);
        Ok(())
    })?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TrainingImage;

    /// Pictures of noise.
    fn set(folder: &std::path::Path) -> Result<TrainingSet> {
        let mut images = Vec::new();
        for label in 0..9 {
            let path = folder.join(format!("{label}.png"));
            let mut rng = random::stream(label as u64, "picture", 0);
            let noise = image::RgbImage::from_fn(20, 40, |_, _| {
                image::Rgb([0; 3].map(|_: u8| rand::Rng::random(&mut rng)))
            });
            noise.save(&path)?;
            images.push(TrainingImage {
                path,
                label,
                camera: 0,
            });
        }
        Ok(TrainingSet {
            images,
            identities: 9,
            people: Vec::new(),
            cameras: 1,
            sources: Vec::new(),
        })
    }

    #[test]
    fn threads_and_replicas_change_no_pixel() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let set = set(folder.path())?;
        let view = View {
            preprocess: Preprocess {
                height: 32,
                width: 16,
                resize: dcac_model::image::Resampling::Bicubic,
                mean: [0.5; 3],
                std: [0.5; 3],
            },
            augment: Augmentation::default(),
            seed: 3,
        };
        let make = |threads: usize, rows: Range<usize>, step: u64| -> Result<Vec<f32>> {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?;
            let batch = pool.install(|| prepare(&set, &view, (0..9).collect(), rows, step))?;
            Ok(batch.pixels)
        };
        let alone = make(1, 0..9, 1)?;
        assert_eq!(alone, make(2, 0..9, 1)?);
        assert_eq!(alone, make(5, 0..9, 1)?);
        assert_eq!(alone, [make(2, 0..4, 1)?, make(2, 4..9, 1)?].concat());
        assert_ne!(alone, make(1, 0..9, 2)?);
        Ok(())
    }
}
