//! The re-identification model: image to embedding, and its classifier.

#[cfg(feature = "training")]
mod class_activation;
#[cfg(feature = "tensors")]
mod classifier;
mod config;
#[cfg(feature = "tensors")]
mod encoder;
mod identity;

#[cfg(feature = "tensors")]
pub use classifier::Classifier;
pub use config::EncoderConfig;
#[cfg(feature = "training")]
pub(crate) use encoder::l2_normalize;
#[cfg(feature = "tensors")]
pub use encoder::{Features, ReidEncoder};
pub use identity::TrainingIdentity;
