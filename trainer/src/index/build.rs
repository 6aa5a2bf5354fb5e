//! `trainer index`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use super::builder::Builder;
use super::source::Source;
use crate::stop::{self, Stopped};
use crate::{model_dir, progress};

/// Rows of a segment unless told.
pub const SEGMENT_ROWS: u32 = 1 << 18;

/// `trainer index`.
#[derive(Args)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
pub struct IndexArgs {
    /// Embeddings to add, a .safetensors or .parquet file of `trainer extract`; may be
    /// repeated. Rows whose path is in the index are replaced if they differ
    #[arg(long, value_name = "FILE", group = "change")]
    from: Vec<PathBuf>,
    /// Path of a row to take out, as `search` prints it; may be repeated
    #[arg(long, value_name = "PATH", group = "change")]
    remove: Vec<String>,
    /// Folder of the index, made if there is none
    #[arg(long)]
    out: PathBuf,
    /// Folder of the model that made the embeddings, where their file does not tell
    #[arg(long)]
    model: Option<PathBuf>,
    /// Rows of a segment: a build has one segment in memory and writes it at every save
    #[arg(long, default_value_t = SEGMENT_ROWS, value_parser = clap::value_parser!(u32).range(1..))]
    segment_rows: u32,
    /// Seconds of work between saves
    #[arg(long, default_value_t = 60.0)]
    save_every: f64,
}

/// Builds or updates an index.
///
/// # Errors
/// [`Stopped`] where the user stopped it; files that cannot be read or written.
pub fn run(args: &IndexArgs) -> Result<()> {
    let Ok(save_every) = Duration::try_from_secs_f64(args.save_every) else {
        bail!("--save-every {} is no number of seconds", args.save_every);
    };
    let mut sources = Vec::new();
    for path in &args.from {
        sources.push(Source::open(path)?);
    }
    let width = common(&sources, |source| Some(source.width), "widths")?;
    let model = model(args, &sources)?;
    let mut builder = Builder::open(
        &args.out,
        width,
        model.as_deref(),
        args.segment_rows as usize,
    )?;
    let before = builder.saved().rows();
    stop::listen("block of rows")?;
    for path in &args.remove {
        builder.remove(path)?;
    }
    let bar = progress::bar("rows", sources.iter().map(|source| source.rows).sum());
    let mut saved = Instant::now();
    for source in &mut sources {
        for block in source.blocks.by_ref() {
            let block = block?;
            builder.add(&block.paths, &block.embeddings)?;
            bar.inc(block.paths.len() as u64);
            if stop::requested() {
                builder.save()?;
                bar.abandon();
                return Err(stopped(args, &builder).into());
            }
            if saved.elapsed() >= save_every {
                builder.save()?;
                saved = Instant::now();
            }
        }
    }
    builder.save()?;
    bar.finish_and_clear();
    report(args, &builder, before);
    Ok(())
}

/// What all sources have in common; none where there are no sources.
fn common<T: PartialEq>(
    sources: &[Source],
    part: impl Fn(&Source) -> Option<T>,
    what: &str,
) -> Result<Option<T>> {
    let Some(first) = sources.first() else {
        return Ok(None);
    };
    if sources.iter().any(|source| part(source) != part(first)) {
        bail!("the files given have embeddings of different {what}; they cannot be compared");
    }
    Ok(part(first))
}

/// SHA-256 of the weights that made the embeddings, where known.
fn model(args: &IndexArgs, sources: &[Source]) -> Result<Option<String>> {
    let told = common(sources, |source| source.model.clone(), "models")?;
    let Some(folder) = &args.model else {
        return Ok(told);
    };
    let own = model_dir::mark(folder)?;
    match told {
        Some(told) if told != own => bail!(
            "the embeddings were not made by {}: they name weights with SHA-256 {told}, these have {own}",
            folder.display()
        ),
        _ => Ok(Some(own)),
    }
}

fn stopped(args: &IndexArgs, builder: &Builder) -> Stopped {
    Stopped {
        after: format!("saving {} rows", builder.saved().rows()),
        go_on: format!(
            "{} can be searched, and the same command goes on",
            args.out.display()
        ),
    }
}

fn report(args: &IndexArgs, builder: &Builder, before: usize) {
    let (counts, saved) = (builder.counts, builder.saved());
    println!(
        "{} added, {} replaced, {} unchanged, {} removed",
        counts.added,
        counts.replaced,
        counts.unchanged,
        args.remove.len()
    );
    println!(
        "{} rows of {} numbers (before: {before}), {} bytes\n{}",
        saved.rows(),
        saved.width,
        saved.bytes(),
        args.out.display()
    );
    let dead: usize = saved.segments.iter().map(|s| s.removed).sum();
    if dead > saved.rows() {
        println!("{dead} rows that count no more take up space; an index built anew has none");
    }
}
