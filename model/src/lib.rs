//! Person re-identification by DCAC: a CLIP-style vision transformer that is
//! co-trained with a latent diffusion model and shipped alone.
//!
//! The crate does no I/O and, but for feature `flex`, starts no threads, so the same code runs in
//! the native trainer and in the browser. Modules are layered; each may use those
//! above it:
//!
//! | module | concept |
//! | --- | --- |
//! | `nn` | batch norm, trainable parameters (feature `tensors`); convolutions and norms on the CPU (`flex`) |
//! | [`clip`] | vision transformer (beyond its sizes: feature `tensors`) |
//! | [`reid`] | neck, classifier, `ReidEncoder` (image to embedding; feature `tensors`) |
//! | `diffusion` | noise schedule, VAE encoder, U-Net, LoRA (feature `training`) |
//! | `condition` | prompts, schemes, transforms (feature `training`) |
//! | `loss` | ID loss, prototype memory, contrastive loss (feature `training`) |
//! | `dcac` | the whole method in one forward (feature `training`) |
//! | `pretrain` | stand-ins for CLIP and Stable Diffusion: image-attribute pairs, denoising (feature `training`) |
//! | [`cpu`] | the exported encoder on one CPU core, without burn, for browsers |
//! | [`image`] | Pillow-exact resize, normalisation, augmentation |
//! | [`retrieval`] | ranking, CMC, mAP, maps of embeddings |
//! | [`weights`] | modules to safetensors and back |

pub mod clip;
#[cfg(feature = "training")]
pub mod condition;
pub mod cpu;
#[cfg(feature = "training")]
pub mod dcac;
#[cfg(feature = "training")]
pub mod diffusion;
pub mod image;
#[cfg(feature = "training")]
pub mod loss;
#[cfg(feature = "tensors")]
pub mod nn;
#[cfg(feature = "training")]
pub mod pretrain;
pub mod reid;
pub mod retrieval;
pub mod weights;
