//! Value noise for textures of ground and walls.

/// A well-mixed word from a seed and a lattice cell.
pub fn hash(seed: u32, x: i32, y: i32) -> u32 {
    let mut word =
        seed ^ (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    word = (word ^ (word >> 15)).wrapping_mul(0x2c1b_3c6d);
    word = (word ^ (word >> 12)).wrapping_mul(0x297a_2d39);
    word ^ (word >> 15)
}

/// The cell's own value in [0, 1).
pub fn cell(seed: u32, x: f32, y: f32) -> f32 {
    (hash(seed, x.floor() as i32, y.floor() as i32) >> 8) as f32 / 16_777_216.0
}

/// Smooth noise in [0, 1) with features of size 1.
pub fn smooth(seed: u32, x: f32, y: f32) -> f32 {
    let (u, v) = (x - x.floor(), y - y.floor());
    let (u, v) = (u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v));
    let top = cell(seed, x, y) * (1.0 - u) + cell(seed, x + 1.0, y) * u;
    let low = cell(seed, x, y + 1.0) * (1.0 - u) + cell(seed, x + 1.0, y + 1.0) * u;
    top * (1.0 - v) + low * v
}
