//! The re-identification model: image to embedding, and its classifier.

#[cfg(feature = "training")]
mod class_activation;
mod classifier;
mod config;
mod encoder;

pub use classifier::Classifier;
pub use config::EncoderConfig;
#[cfg(feature = "training")]
pub(crate) use encoder::l2_normalize;
pub use encoder::{Features, ReidEncoder};
