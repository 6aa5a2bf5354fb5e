//! Pixels: decoding, Pillow-exact resizing, normalisation, augmentation.

mod augment;
mod decode;
mod pixels;
mod preprocess;
mod resize;

pub use augment::{AugmentParams, Augmentation, Erase, Window};
pub use decode::decode;
pub use pixels::{ImageError, Pixels};
pub use preprocess::Preprocess;
pub use resize::{Resampling, resize};
