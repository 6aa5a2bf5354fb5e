//! A box on a photo.

/// Sides have so many pixels of the photo at least.
const LEAST: f64 = 8.0;

/// A box in pixels of the photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Distance from the photo's left.
    pub left: f64,
    /// Distance from the photo's top.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Which sides of a box are moved: -1 the left or upper one, 1 the right or lower one, 0 none.
pub type Sides = (i8, i8);

/// Width and height of a photo, or a place on it.
pub type Pair = (f64, f64);

impl Frame {
    /// The box between two places.
    pub fn between(one: Pair, other: Pair, photo: Pair) -> Self {
        let (left, width) = span(one.0, other.0, photo.0);
        let (top, height) = span(one.1, other.1, photo.1);
        Self {
            left,
            top,
            width,
            height,
        }
    }

    /// As large as a person may be in the middle of a photo.
    pub fn middle(photo: Pair) -> Self {
        let height = (0.8 * photo.1).min(1.6 * photo.0);
        let width = height / 2.0;
        let (left, top) = ((photo.0 - width) / 2.0, (photo.1 - height) / 2.0);
        Self::between((left, top), (left + width, top + height), photo)
    }

    /// The box elsewhere, as far as the photo goes.
    pub fn moved(self, by: Pair, photo: Pair) -> Self {
        Self {
            left: (self.left + by.0).clamp(0.0, photo.0 - self.width),
            top: (self.top + by.1).clamp(0.0, photo.1 - self.height),
            ..self
        }
    }

    /// The box with some of its sides elsewhere.
    pub fn resized(self, sides: Sides, by: Pair, photo: Pair) -> Self {
        let (mut from, mut to) = (
            (self.left, self.top),
            (self.left + self.width, self.top + self.height),
        );
        match sides.0 {
            -1 => from.0 = (from.0 + by.0).min(to.0 - LEAST),
            1 => to.0 = (to.0 + by.0).max(from.0 + LEAST),
            _ => {}
        }
        match sides.1 {
            -1 => from.1 = (from.1 + by.1).min(to.1 - LEAST),
            1 => to.1 = (to.1 + by.1).max(from.1 + LEAST),
            _ => {}
        }
        Self::between(from, to, photo)
    }
}

/// Begin and length of what lies between two places of a line, in whole pixels.
fn span(one: f64, other: f64, length: f64) -> (f64, f64) {
    let least = LEAST.min(length);
    let begin = one.min(other).round().clamp(0.0, length - least);
    let end = one.max(other).round().clamp(begin + least, length);
    (begin, end - begin)
}
