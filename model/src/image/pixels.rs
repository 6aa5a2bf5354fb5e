//! An image in memory.

/// 8-bit RGB, row by row, three bytes per pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

/// An image that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The bytes are no image that this program reads.
    #[error("not a readable JPEG, PNG or WebP image: {0}")]
    Decode(String),
    /// An image without pixels, or with too many.
    #[error("an image of {width} x {height} pixels; expected 1 to {limit} on each side")]
    Size {
        /// Width.
        width: usize,
        /// Height.
        height: usize,
        /// Largest side.
        limit: usize,
    },
    /// Bytes and size disagree.
    #[error("{found} bytes for an RGB image that needs {expected}")]
    Length {
        /// Bytes given.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
}

impl Pixels {
    /// Largest width and height.
    pub const LIMIT: usize = 16_384;

    /// An image of `3 * width * height` bytes.
    pub fn new(width: usize, height: usize, data: Vec<u8>) -> Result<Self, ImageError> {
        let sides = 1..=Self::LIMIT;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(ImageError::Size {
                width,
                height,
                limit: Self::LIMIT,
            });
        }
        let expected = 3 * width * height;
        if data.len() != expected {
            return Err(ImageError::Length {
                found: data.len(),
                expected,
            });
        }
        Ok(Self {
            width,
            height,
            data,
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, row by row.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes alone.
    pub(super) fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// An image whose size and bytes are known to agree.
    pub(super) fn from_parts(width: usize, height: usize, data: Vec<u8>) -> Self {
        debug_assert_eq!(data.len(), 3 * width * height);
        Self {
            width,
            height,
            data,
        }
    }
}
