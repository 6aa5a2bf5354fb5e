//! Bytes of a file to pixels.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{ImageError, Pixels};

/// Decodes a JPEG, PNG or WebP file, or a BMP where the crate `image` is built with it, told
/// apart by content, and turns it upright as its EXIF orientation asks. Grey, palette and
/// 16-bit images become 8-bit RGB; transparency is dropped, not blended.
///
/// # Errors
/// Other formats, broken or truncated files, sides beyond [`Pixels::LIMIT`].
pub fn decode(bytes: &[u8]) -> Result<Pixels, ImageError> {
    let failed = |reason: String| ImageError::Decode(reason);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| failed(error.to_string()))?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if is_cut_short(bytes) => {
            return Err(failed("it is a JPEG that was cut short".to_string()));
        }
        Some(ImageFormat::Bmp | ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => {}
        Some(other) => return Err(failed(format!("it is a {other:?} file"))),
        None => {
            return Err(failed(
                "its first bytes are those of no picture".to_string(),
            ));
        }
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(Pixels::LIMIT as u32);
    limits.max_image_height = Some(Pixels::LIMIT as u32);
    reader.limits(limits);
    let upright = || {
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(orientation);
        Ok(image)
    };
    let image = upright().map_err(|error: image::ImageError| match (error, sides(bytes)) {
        (image::ImageError::Limits(_), Some((width, height)))
            if width.max(height) as usize > Pixels::LIMIT =>
        {
            ImageError::Size {
                width: width as usize,
                height: height as usize,
                limit: Pixels::LIMIT,
            }
        }
        (error, _) => failed(error.to_string()),
    })?;
    let rgb = image.into_rgb8();
    Pixels::new(rgb.width() as usize, rgb.height() as usize, rgb.into_raw())
}

/// Width and height, of a picture without limits.
fn sides(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    reader.ok()?.into_dimensions().ok()
}

/// Whether a JPEG ends before its last marker. Its decoder would fill the rest with grey.
fn is_cut_short(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut at = 2;
    while let Some(&[first, marker]) = bytes.get(at..at + 2) {
        match (first, marker) {
            (0xff, END) => return false,
            // Coded samples, fill bytes, a stuffed zero, restarts: nothing to skip.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0..=0xfe, _) | (0xff, 0xff) => at += 1,
            // A segment, whose content may look like markers: a thumbnail has an end too.
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return true,
            },
        }
    }
    true
}
