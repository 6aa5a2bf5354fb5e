//! Colours of cloth, skin and hair: sRGB in [0, 1], muted as they are in the street.

use super::stream::Stream;

/// Red, green, blue; sRGB, each in [0, 1].
pub type Rgb = [f32; 3];

pub const BLACK: Rgb = [0.085, 0.085, 0.095];
pub const CHARCOAL: Rgb = [0.20, 0.20, 0.22];
pub const GREY: Rgb = [0.42, 0.42, 0.43];
pub const SILVER: Rgb = [0.66, 0.66, 0.67];
pub const WHITE: Rgb = [0.91, 0.91, 0.90];
pub const NAVY: Rgb = [0.11, 0.14, 0.27];
pub const BLUE: Rgb = [0.16, 0.29, 0.60];
pub const SKY: Rgb = [0.55, 0.69, 0.84];
pub const DENIM: Rgb = [0.25, 0.34, 0.49];
pub const FADED: Rgb = [0.47, 0.56, 0.68];
pub const RED: Rgb = [0.70, 0.13, 0.15];
pub const MAROON: Rgb = [0.36, 0.09, 0.14];
pub const PINK: Rgb = [0.86, 0.59, 0.64];
pub const ORANGE: Rgb = [0.82, 0.42, 0.14];
pub const MUSTARD: Rgb = [0.77, 0.58, 0.17];
pub const YELLOW: Rgb = [0.90, 0.80, 0.34];
pub const GREEN: Rgb = [0.17, 0.42, 0.25];
pub const OLIVE: Rgb = [0.34, 0.35, 0.21];
pub const MINT: Rgb = [0.55, 0.75, 0.66];
pub const TEAL: Rgb = [0.12, 0.42, 0.46];
pub const PURPLE: Rgb = [0.36, 0.22, 0.47];
pub const BEIGE: Rgb = [0.76, 0.68, 0.55];
pub const KHAKI: Rgb = [0.57, 0.50, 0.36];
pub const BROWN: Rgb = [0.34, 0.22, 0.15];

/// Skin tones from light to dark.
pub const SKINS: [Rgb; 7] = [
    [0.91, 0.75, 0.66],
    [0.87, 0.69, 0.58],
    [0.81, 0.62, 0.49],
    [0.74, 0.55, 0.42],
    [0.60, 0.42, 0.31],
    [0.45, 0.30, 0.22],
    [0.31, 0.20, 0.15],
];

/// Hair colours with how often they occur.
pub const HAIRS: [(Rgb, f32); 6] = [
    ([0.07, 0.06, 0.06], 5.0),
    ([0.15, 0.10, 0.08], 4.0),
    ([0.27, 0.18, 0.12], 2.5),
    ([0.60, 0.46, 0.28], 1.3),
    ([0.58, 0.57, 0.56], 1.0),
    ([0.42, 0.19, 0.10], 0.5),
];

/// `colour` with its light scaled by `k`.
pub fn scaled(colour: Rgb, k: f32) -> Rgb {
    colour.map(|c| (c * k).clamp(0.0, 1.0))
}

/// `a` for t = 0, `b` for t = 1.
pub fn mixed(a: Rgb, b: Rgb, t: f32) -> Rgb {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

/// Perceived brightness in [0, 1].
pub fn luma(colour: Rgb) -> f32 {
    0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
}

/// The same dye on another bolt of cloth: light and hue moved by about `amount`.
pub fn dyed(colour: Rgb, amount: f32, stream: &mut Stream) -> Rgb {
    let light = stream.bell() * amount;
    colour.map(|c| (c * (1.0 + light) + stream.bell() * amount * 0.3).clamp(0.02, 0.97))
}
