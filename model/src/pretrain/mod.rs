//! What teaches small stand-ins for CLIP and Stable Diffusion, where the published ones cannot
//! be had: pictures whose attributes are known take the place of pictures with captions.

mod attributes;
mod denoiser;
mod pairs;
mod words;

pub use attributes::AttributeEncoder;
pub use denoiser::AttributeDenoiser;
pub use pairs::{Contrast, ImageAttributePairs, Matched};
pub use words::{Named, name_attributes};
