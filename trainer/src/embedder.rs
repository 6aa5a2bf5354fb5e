//! Image files to embeddings, whatever the backend.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use clap::Args;
use dcac_model::clip::VitConfig;
use dcac_model::image::{Pixels, Preprocess};
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cpu_encoder::CpuEncoder;
use crate::data::read_pixels;
use crate::device::{DeviceChoice, Job, dispatch, is_cpu, numbers};
use crate::model_dir;

/// What becomes of files that are no whole pictures.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct BrokenArgs {
    /// Leave out images that cannot be read, and name them; without this they are an error
    #[arg(long)]
    pub skip_broken: bool,
}

/// A file that is no whole picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What became of a number of files.
#[derive(Default)]
pub struct Embedded {
    /// Index of the first file.
    pub first: usize,
    /// Indices of the files that were read, ascending.
    pub kept: Vec<usize>,
    /// Their L2-normalised embeddings, row-major.
    pub features: Vec<f32>,
    /// The others.
    pub broken: Vec<Broken>,
}

/// Images per forward.
const BATCH: usize = 32;

/// Normalised pixels of a number of images to numbers, both row-major.
type Forward = dyn Fn(Vec<f32>, usize) -> Result<Vec<f32>>;

/// A picture and its patch tokens.
pub struct Patches {
    /// The picture.
    pub pixels: Pixels,
    /// `[rows * columns, dim]`.
    pub tokens: Vec<f32>,
    /// Numbers of a token.
    pub dim: usize,
    /// Rows and columns.
    pub grid: (usize, usize),
    /// Height and width of what the model sees.
    pub shape: (usize, usize),
}

/// Turns image files into embeddings.
pub struct Embedder {
    forward: Box<Forward>,
    tokens: Box<Forward>,
    vit: VitConfig,
    preprocess: Preprocess,
    /// Width of an embedding.
    pub width: usize,
}

impl Embedder {
    /// Opens an exported model.
    pub fn open(folder: &Path, device: DeviceChoice) -> Result<Self> {
        let (config, bytes) = model_dir::read(folder)?;
        let weights = folder.join(model_dir::WEIGHTS);
        let open = Open {
            config,
            bytes,
            weights,
        };
        dispatch(device, open)
    }

    /// The embedder of an encoder in memory.
    ///
    /// # Errors
    /// Weights that are not finite, and too little memory.
    pub fn new<B: Backend>(
        encoder: ReidEncoder<B>,
        config: &EncoderConfig,
        device: &B::Device,
    ) -> Result<Self> {
        let with = |forward, tokens| Self {
            forward,
            tokens,
            vit: config.vit.clone(),
            preprocess: config.preprocess.clone(),
            width: config.vit.embedding,
        };
        if is_cpu::<B>(device) {
            let encoder = Rc::new(CpuEncoder::new(&encoder, config)?);
            let for_tokens = Rc::clone(&encoder);
            return Ok(with(
                Box::new(move |pixels, _| encoder.embed(&pixels)),
                Box::new(move |pixels, _| for_tokens.patches(&pixels)),
            ));
        }
        let device = device.clone();
        let (height, width) = (config.preprocess.height, config.preprocess.width);
        let encoder = Rc::new(encoder);
        let images = move |pixels, count| {
            let data = TensorData::new(pixels, [count, 3, height, width]);
            Tensor::<B, 4>::from_data(data, &device)
        };
        let (for_tokens, images_of) = (Rc::clone(&encoder), images.clone());
        Ok(with(
            Box::new(move |pixels, count| numbers(encoder.embed(images(pixels, count)))),
            Box::new(move |pixels, count| {
                let features = for_tokens.features(images_of(pixels, count));
                numbers(features.patches)
            }),
        ))
    }

    /// Embeds files batch by batch, in their order; the next ones are decoded meanwhile.
    /// `sink` takes what became of each batch, its indices those of `paths`, and says
    /// whether to go on.
    ///
    /// # Errors
    /// Broken files unless they may be skipped, a model that gives no numbers, and
    /// what `sink` returns.
    pub fn embed_batches(
        &self,
        paths: &[PathBuf],
        broken: BrokenArgs,
        mut sink: impl FnMut(usize, Embedded) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            let preprocess = &self.preprocess;
            scope.spawn(move || {
                for (batch, start) in paths.chunks(BATCH).zip((0..).step_by(BATCH)) {
                    if sender.send((start, decode(batch, preprocess))).is_err() {
                        break;
                    }
                }
            });
            for (start, decoded) in receiver {
                let count = decoded.len();
                let batch = self.forward(start, decoded, &paths[start..], broken)?;
                if sink(count, batch)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn forward(
        &self,
        start: usize,
        decoded: Vec<Result<Vec<f32>>>,
        paths: &[PathBuf],
        broken: BrokenArgs,
    ) -> Result<Embedded> {
        let mut found = Embedded {
            first: start,
            ..Embedded::default()
        };
        let mut pixels = Vec::with_capacity(decoded.len() * self.preprocess.len());
        for (index, (decoded, path)) in decoded.into_iter().zip(paths).enumerate() {
            match decoded {
                Ok(picture) => {
                    found.kept.push(start + index);
                    pixels.extend(picture);
                }
                Err(error) if broken.skip_broken => found.broken.push(Broken {
                    path: path.clone(),
                    reason: format!("{error:#}"),
                }),
                Err(error) => return Err(error),
            }
        }
        if !found.kept.is_empty() {
            found.features = (self.forward)(pixels, found.kept.len())?;
        }
        if found.features.iter().any(|value| !value.is_finite()) {
            bail!("the model gives embeddings that are not finite; its weights are broken");
        }
        Ok(found)
    }

    /// The patch tokens of the picture in a file.
    ///
    /// # Errors
    /// A file that is gone or broken.
    pub fn patches(&self, path: &Path) -> Result<Patches> {
        let picture = read_pixels(path)?;
        let mut pixels = vec![0.0; self.preprocess.len()];
        self.preprocess.apply(&picture, &mut pixels);
        let patch = self.vit.patch;
        Ok(Patches {
            pixels: picture,
            tokens: (self.tokens)(pixels, 1)?,
            dim: self.vit.dim,
            grid: (self.vit.height / patch, self.vit.width / patch),
            shape: (self.vit.height, self.vit.width),
        })
    }

    /// Embeddings of files that are all whole, row-major, under a progress bar.
    pub fn embed(&self, paths: &[PathBuf], bar: &ProgressBar) -> Result<Vec<f32>> {
        Ok(self.embed_kept(paths, BrokenArgs::default(), bar)?.features)
    }

    /// What becomes of files, under a progress bar.
    pub fn embed_kept(
        &self,
        paths: &[PathBuf],
        broken: BrokenArgs,
        bar: &ProgressBar,
    ) -> Result<Embedded> {
        let mut all = Embedded {
            features: Vec::with_capacity(paths.len() * self.width),
            ..Embedded::default()
        };
        self.embed_batches(paths, broken, |count, batch| {
            all.kept.extend(batch.kept);
            all.features.extend(batch.features);
            all.broken.extend(batch.broken);
            bar.inc(count as u64);
            Ok(ControlFlow::Continue(()))
        })?;
        bar.finish_and_clear();
        if let (true, Some(broken)) = (all.kept.is_empty(), all.broken.first()) {
            bail!(
                "none of {} images could be read; the first: {}",
                paths.len(),
                broken.reason
            );
        }
        Ok(all)
    }
}

/// Normalised pixels of files, or why there are none.
fn decode(paths: &[PathBuf], preprocess: &Preprocess) -> Vec<Result<Vec<f32>>> {
    let read = |path: &PathBuf| {
        let mut pixels = vec![0.0; preprocess.len()];
        preprocess.apply(&read_pixels(path)?, &mut pixels);
        Ok(pixels)
    };
    paths.par_iter().map(read).collect()
}

/// Tells the user which files were left out.
pub fn report_broken(broken: &[Broken]) {
    /// More names than these hide what else is on the screen.
    const NAMED: usize = 20;
    if broken.is_empty() {
        return;
    }
    eprintln!("broken files, left out: {}", broken.len());
    for file in broken.iter().take(NAMED) {
        eprintln!("  {}", file.reason);
    }
    if broken.len() > NAMED {
        eprintln!("  and {} more", broken.len() - NAMED);
    }
}

struct Open {
    config: EncoderConfig,
    bytes: Vec<u8>,
    /// The file that they come from.
    weights: PathBuf,
}

impl Job for Open {
    type Output = Embedder;

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Embedder>
    where
        B::Device: 'static,
    {
        let encoder = ReidEncoder::<B::InnerBackend>::load(&self.config, &self.bytes, device)
            .with_context(|| format!("cannot load {}", self.weights.display()))?;
        Embedder::new(encoder, &self.config, device)
    }
}
