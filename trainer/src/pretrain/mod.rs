//! `trainer pretrain`: stand-ins for CLIP and Stable Diffusion at small sizes.
//!
//! Published weights exist at one size and may not be passed on. A training that begins with
//! weights of its own size can: they are taught from people that this program draws, each
//! picture once, with the attributes that it was drawn from in place of a caption.

mod ahead;
mod checkpoint;
mod command;
mod denoising;
mod diffusion;
mod figures;
mod lesson;
mod pictures;
mod settings;
mod vision;

pub use command::{PretrainArgs, run};
