//! Pictures small enough to be hundreds in a file.

use std::path::Path;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dcac_model::image::{Pixels, Resampling, resize};
use dcac_model::retrieval::Label;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use crate::data::read_pixels;
use crate::files;

/// A crop, small.
pub struct Picture {
    /// The JPEG as a `data:` address.
    pub source: String,
    /// File name.
    pub name: String,
    /// Whom it shows, where that is known.
    pub label: Option<Label>,
}

impl Picture {
    /// Reads a crop and fits it into 80 x 160 pixels; it is never enlarged.
    ///
    /// # Errors
    /// A file that is gone or broken.
    pub fn of(path: &Path, label: Option<Label>) -> Result<Self> {
        let pixels = read_pixels(path)?;
        let (width, height) = (pixels.width() as f64, pixels.height() as f64);
        let scale = (80.0 / width).min(160.0 / height).min(1.0);
        let side = |length: f64| ((length * scale).round() as usize).max(1);
        let source = source(&pixels, side(width), side(height))?;
        Ok(Self {
            source,
            name: files::name(path),
            label,
        })
    }
}

/// A picture in another size, as the `data:` address of a JPEG.
pub fn source(pixels: &Pixels, width: usize, height: usize) -> Result<String> {
    let pixels = resize(pixels, width, height, Resampling::Bicubic);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 82).encode(
        pixels.data(),
        pixels.width() as u32,
        pixels.height() as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}
