//! Losses of the re-identification model.

mod identity;
mod prototypes;

pub use identity::identity_loss;
pub use prototypes::{
    MemoryError, MemoryUpdate, PrototypeMemory, contrastive_logits, cross_entropy,
};
