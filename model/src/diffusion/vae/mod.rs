//! The variational autoencoder of latent diffusion; field names follow diffusers.
//!
//! The method has use for the encoder alone, frozen; the decoder is what a new encoder is
//! taught with.

mod config;
mod decoder;
mod encoder;
mod middle;

pub use config::VaeConfig;
pub use decoder::{Vae, VaeDecoder, VaeLoss};
pub use encoder::{Moments, VaeEncoder};

/// Epsilon of every group norm.
const EPSILON: f64 = 1e-6;
