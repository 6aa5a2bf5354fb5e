//! Losses of the re-identification model and of the denoiser.

mod denoising;
mod identity;
mod pairs;
mod prototypes;

pub use denoising::denoising_loss;
pub use identity::identity_loss;
pub use pairs::{pair_logits, pair_loss};
pub use prototypes::{
    MemoryError, MemoryUpdate, PrototypeMemory, contrastive_logits, cross_entropy,
};
