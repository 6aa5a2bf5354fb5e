//! Pixels: decoding, Pillow-exact resizing, normalisation, augmentation.

mod augment;
mod colours;
mod decode;
mod pixels;
mod preprocess;
mod resize;
mod shear;

pub use augment::{AugmentParams, Augmentation, Erase, Window};
pub use colours::Cast;
pub use decode::decode;
pub use pixels::{ImageError, Pixels};
pub use preprocess::Preprocess;
pub use resize::{Resampling, resize};
