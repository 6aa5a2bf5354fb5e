//! `trainer`: trains, evaluates, exports and queries DCAC re-identification models.

mod bench;
mod classifier;
mod cli;
mod config;
mod data;
mod device;
mod doctor;
mod embedder;
mod evaluate;
mod export;
mod extract;
mod files;
mod gradcam;
mod import;
mod index;
mod info;
mod model_dir;
mod onnx;
mod page;
mod parallel;
mod pretrain;
mod progress;
mod random;
mod rank;
mod report;
mod reproduce;
mod retrieval;
mod stop;
mod synth;
mod tensorboard;
mod tensors;
mod train;

use clap::Parser;
use std::process::ExitCode;

// The CPU backend allocates every result anew; the system's allocator gives large
// blocks back to the kernel each time and spends the step on page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // `trainer rank ... | head` ends when head does, as other programs do.
    sigpipe::reset();
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.is::<stop::Stopped>() {
                eprintln!("{error}");
                return ExitCode::from(stop::EXIT_CODE);
            }
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
