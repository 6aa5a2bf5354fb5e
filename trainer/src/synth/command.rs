//! `trainer synth`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::protocol::Protocol;
use super::{SynthConfig, generate};
use crate::progress;

/// `trainer synth`.
#[derive(Args)]
#[command(after_help = domains_help())]
pub struct SynthArgs {
    /// Folder to create; refused if it holds anything but domains of the protocol asked for
    #[arg(long)]
    out: PathBuf,
    /// All domains of a benchmark with their own sizes and seeds, checked: dg-synth
    #[arg(long, conflicts_with_all = ["domain", "ids", "images_per_id", "cameras", "seed"])]
    protocol: Option<String>,
    /// Which cameras and clothes (see below)
    #[arg(long, default_value = "plaza")]
    domain: String,
    /// Identities in all; half are for training, half for testing
    #[arg(long, default_value_t = 120)]
    ids: usize,
    /// Images per identity, over all its cameras
    #[arg(long, default_value_t = 16)]
    images_per_id: usize,
    /// Cameras; the domain's own number unless given
    #[arg(long)]
    cameras: Option<usize>,
    /// The same seed draws the same bytes
    #[arg(long, default_value_t = 1234)]
    seed: u64,
}

fn domains_help() -> String {
    let lines: Vec<String> = super::domains()
        .iter()
        .map(|domain| format!("  {:<8} {}", domain.name, domain.description))
        .collect();
    format!("Domains:\n{}", lines.join("\n"))
}

/// Draws a domain, or all of a protocol, and says how much there is.
pub fn run(args: SynthArgs) -> Result<()> {
    if let Some(name) = &args.protocol {
        return protocol(&Protocol::read(name)?, &args.out);
    }
    let config = SynthConfig {
        out: args.out,
        domain: args.domain,
        ids: args.ids,
        images_per_id: args.images_per_id,
        cameras: args.cameras,
        seed: args.seed,
    };
    let bar = progress::bar("drawing", 0);
    let summary = generate(&config, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    println!(
        "drew {} training images of {} identities, {} queries and {} gallery images of {} others\n{}",
        summary.train,
        summary.train_ids,
        summary.query,
        summary.gallery,
        summary.test_ids,
        config.out.display()
    );
    Ok(())
}

fn protocol(protocol: &Protocol, out: &Path) -> Result<()> {
    let bar = progress::bar("drawing", 0);
    protocol.draw(out, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    for part in &protocol.domains {
        println!(
            "{}  {} identities, half of them for training, {} images each",
            out.join(&part.name).display(),
            part.ids,
            part.images_per_id
        );
    }
    println!(
        "{} version {}: all checksums are as they should be",
        protocol.name, protocol.version
    );
    Ok(())
}
