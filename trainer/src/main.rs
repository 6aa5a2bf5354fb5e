//! `trainer`: trains, evaluates, exports and queries DCAC re-identification models.

mod bench;
mod classifier;
mod cli;
mod config;
mod cpu_encoder;
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

/// Milliseconds that freed memory is kept for the next result. With mimalloc's own 10, most of a
/// step's memory goes to the kernel and comes back cleared.
const KEPT: std::ffi::c_long = 10_000;
/// mimalloc's number of that option, `mi_option_purge_delay`, which the binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn keep_memory() {
    #[allow(unsafe_code)]
    // SAFETY: the function takes any number, and no other thread has been started.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT);
    }
}

fn main() -> ExitCode {
    // `trainer rank ... | head` ends when head does, as other programs do.
    sigpipe::reset();
    keep_memory();
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
