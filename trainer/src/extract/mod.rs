//! Embeddings of a folder, however many files it holds.

mod npy;
mod parquet;
mod part;
mod rows;
mod safetensors;

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::device::DeviceArgs;
use crate::embedder::{BrokenArgs, Embedder, report_broken};
use crate::stop::{self, Stopped};
use crate::{files, model_dir, progress};
use part::Part;
use rows::Rows;

/// `trainer extract`.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct ExtractArgs {
    /// Folder written by `trainer export`
    #[arg(long)]
    model: PathBuf,
    /// Folder of crops, subfolders too
    #[arg(long)]
    images: PathBuf,
    /// File to write: .safetensors, .npy or .parquet
    #[arg(long, value_parser = target)]
    out: Target,
    #[command(flatten)]
    broken: BrokenArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

const HELP: &str = "\
Identity and camera are read from names that begin like 0002_c1; others have none.
  .safetensors  `embeddings` [n, width] f32, `identity` and `camera` [n] i32 (-1 and 0: none),
                and the files' names, one a line, in the metadata under `images`
  .npy          the embeddings; path, identity and camera in a .csv beside it, row by row
  .parquet      columns path, identity, camera, embedding (a list of fixed size)
Stopped by Ctrl-C or otherwise, the same command goes on where it was.";

/// A file to write and its format.
#[derive(Clone)]
struct Target {
    path: PathBuf,
    write: fn(&std::path::Path, &Rows) -> Result<()>,
}

fn target(text: &str) -> Result<Target, String> {
    let path = PathBuf::from(text);
    let write = match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => safetensors::write,
        Some("npy") => npy::write,
        Some("parquet") => parquet::write,
        _ => return Err("name a file that ends in .safetensors, .npy or .parquet".to_string()),
    };
    Ok(Target { path, write })
}

/// Embeds, keeping what is done in a folder beside the file to write, and writes it at the end.
pub fn run(args: &ExtractArgs) -> Result<()> {
    let out = &args.out.path;
    let paths = files::images_below(&args.images)?;
    let names: Vec<String> = (paths.iter())
        .map(|path| files::name_within(&args.images, path))
        .collect();
    let embedder = Embedder::open(&args.model, args.device.device)?;
    let model = model_dir::mark(&args.model)?;
    let mut part = Part::open(out, &model, &names, embedder.width)?;
    let bar = progress::bar("images", paths.len());
    bar.inc(part.done() as u64);
    // What an earlier run did is no measure of this one's rate.
    bar.reset_eta();
    stop::listen("batch")?;
    let rest = &paths[part.done()..];
    let embedded = embedder.embed_batches(rest, args.broken, |count, batch| {
        part.add(count, batch)?;
        bar.inc(count as u64);
        Ok(match stop::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    });
    bar.finish_and_clear();
    if part.done() == 0 {
        part.remove()?;
        return embedded;
    }
    part.save()?;
    embedded?;
    if part.done() < paths.len() {
        return Err(Stopped {
            after: format!("{} of {} images", part.done(), paths.len()),
            go_on: "the same command goes on from there".to_string(),
        }
        .into());
    }
    report_broken(part.broken());
    let rows = Rows::of(&part, &names, &model)?;
    if rows.is_empty() {
        return Err(anyhow!("none of {} images could be read", paths.len()));
    }
    (args.out.write)(out, &rows)?;
    println!(
        "{} embeddings of {} numbers\n{}",
        rows.len(),
        rows.width,
        out.display()
    );
    part.remove()
}
