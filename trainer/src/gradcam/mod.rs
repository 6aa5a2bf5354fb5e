//! `trainer gradcam`: the paper's Figure 3 for any pictures.

mod overlay;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use clap::Args;
use dcac_model::image::{Pixels, Preprocess};
use serde::Serialize;

use crate::data::read_pixels;
use crate::device::{DeviceArgs, Job, dispatch, numbers};
use crate::files::{self, NewFolder};
use crate::progress;
use crate::train::{Checkpoint, Which};

/// `trainer gradcam`.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct GradcamArgs {
    /// Folder written by `trainer train`; repeat it to set models side by side
    #[arg(long, required = true)]
    run: Vec<PathBuf>,
    /// Pictures, or folders of them
    #[arg(long, required = true, num_args = 1..)]
    images: Vec<PathBuf>,
    /// Training identity: its label, counted from 0 in the order of the training data's
    /// identities, or `predicted` for the one that each model names for each picture
    #[arg(long, default_value = "predicted")]
    identity: Identity,
    /// Folder to create
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArgs,
}

const HELP: &str = "\
A picture of another person, asked for an identity that looks alike, shows what a model takes
for that identity's marks. From left to right: the picture, then one overlay per run, from
dark (says nothing) to bright (speaks for the identity most).

  trainer gradcam --run runs/baseline --run runs/dcac --images data/plaza/query --out cam";

/// What the maps are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Predicted,
    Label(usize),
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "predicted" => Ok(Self::Predicted),
            other => (other.parse().map(Self::Label))
                .map_err(|_| format!("`{other}`: expected a label such as 27, or predicted")),
        }
    }
}

/// One run's word on one picture, in `gradcam.json`.
#[derive(Clone, Serialize)]
struct Answer {
    image: PathBuf,
    overlay: String,
    run: PathBuf,
    /// Label that the map is of.
    identity: usize,
    /// Its logit.
    logit: f32,
    /// Its probability among all training identities.
    probability: f32,
    /// Label that the model names.
    predicted: usize,
}

/// What a run makes of a picture.
struct Explained {
    identity: usize,
    logit: f32,
    probability: f32,
    predicted: usize,
    /// Rows and columns of the map.
    grid: (usize, usize),
    map: Vec<f32>,
}

/// Pictures per forward.
const BATCH: usize = 16;

/// Writes an overlay for every picture, and what the models say of it.
pub fn run(args: &GradcamArgs) -> Result<()> {
    files::require_new(&args.out)?;
    let mut paths = Vec::new();
    for path in &args.images {
        if path.is_dir() {
            paths.extend(files::images_below(path)?);
        } else {
            paths.push(path.clone());
        }
    }
    let pixels: Vec<Pixels> =
        (paths.iter().map(|path| read_pixels(path))).collect::<Result<_>>()?;
    let bar = progress::bar("maps", paths.len() * args.run.len());
    let mut runs = Vec::new();
    for run in &args.run {
        let job = Explain {
            run,
            pixels: &pixels,
            identity: args.identity,
            done: &|count| bar.inc(count as u64),
        };
        runs.push(dispatch(args.device.device, job)?);
    }
    bar.finish_and_clear();
    let folder = NewFolder::create(&args.out)?;
    let digits = paths.len().to_string().len();
    let mut answers = Vec::new();
    for (index, (path, pixels)) in paths.iter().zip(&pixels).enumerate() {
        // Pictures of different folders may have the same name.
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let overlay = format!("{:0digits$}-{stem}.png", index + 1);
        let maps: Vec<_> = (runs.iter())
            .map(|(preprocess, explained)| {
                (preprocess, explained[index].grid, &explained[index].map[..])
            })
            .collect();
        overlay::write(&folder.draft().join(&overlay), pixels, &maps)?;
        for (run, (_, explained)) in args.run.iter().zip(&runs) {
            let said = &explained[index];
            answers.push(Answer {
                image: path.clone(),
                overlay: overlay.clone(),
                run: run.clone(),
                identity: said.identity,
                logit: said.logit,
                probability: said.probability,
                predicted: said.predicted,
            });
        }
    }
    files::write_json(&folder.draft().join("gradcam.json"), &answers)?;
    folder.publish()?;
    println!(
        "{} pictures under {} models\n{}",
        paths.len(),
        args.run.len(),
        args.out.display()
    );
    Ok(())
}

/// Explains all pictures by one run.
struct Explain<'a> {
    run: &'a Path,
    pixels: &'a [Pixels],
    identity: Identity,
    done: &'a dyn Fn(usize),
}

impl Job for Explain<'_> {
    type Output = (Preprocess, Vec<Explained>);

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Self::Output>
    where
        B::Device: 'static,
    {
        let (state, config, model) = Checkpoint::read::<B>(self.run, &Which::Last, device)?;
        let asked = match self.identity {
            Identity::Predicted => None,
            Identity::Label(label) if label < state.identities => Some(label),
            Identity::Label(label) => bail!(
                "--identity {label}: {} was trained on {} identities, labels 0 to {}",
                self.run.display(),
                state.identities,
                state.identities - 1
            ),
        };
        let preprocess = config.model.encoder.preprocess;
        let grid = config.model.encoder.vit.grid();
        let mut explained = Vec::new();
        for batch in self.pixels.chunks(BATCH) {
            let mut inputs = vec![0.0; batch.len() * preprocess.len()];
            for (out, pixels) in inputs.chunks_mut(preprocess.len()).zip(batch) {
                preprocess.apply(pixels, out);
            }
            let shape = [batch.len(), 3, preprocess.height, preprocess.width];
            let images = Tensor::<B, 4>::from_data(TensorData::new(inputs, shape), device);
            let found = model.class_activation(images, asked);
            let (maps, logits) = (numbers(found.maps)?, numbers(found.logits)?);
            let patches = grid.0 * grid.1;
            for (map, logits) in maps.chunks(patches).zip(logits.chunks(state.identities)) {
                explained.push(explain(grid, map, logits, asked)?);
            }
            (self.done)(batch.len());
        }
        Ok((preprocess, explained))
    }
}

fn explain(
    grid: (usize, usize),
    map: &[f32],
    logits: &[f32],
    asked: Option<usize>,
) -> Result<Explained> {
    if map.iter().chain(logits).any(|value| !value.is_finite()) {
        bail!("the model gives numbers that are not finite; its weights are broken");
    }
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let predicted = best.map(|(label, _)| label).context("no identities")?;
    let identity = asked.unwrap_or(predicted);
    let all: f32 = (logits.iter())
        .map(|logit| (logit - logits[predicted]).exp())
        .sum();
    Ok(Explained {
        identity,
        logit: logits[identity],
        probability: (logits[identity] - logits[predicted]).exp() / all,
        predicted,
        grid,
        map: map.to_vec(),
    })
}
