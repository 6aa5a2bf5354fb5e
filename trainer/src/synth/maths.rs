//! Transcendental functions that give the same bits everywhere.
//!
//! The standard library's come from the system's C library, which chooses other code on other
//! processors; their last bits differ, and a pixel at the edge of a limb with them. `libm`'s are
//! plain Rust. Whatever is drawn uses these and the exact operations (`+ - * /`, `sqrt`) only.

/// Sine and cosine of an angle in radians.
pub fn sin_cos(angle: f32) -> (f32, f32) {
    libm::sincosf(angle)
}

/// Sine of an angle in radians.
pub fn sin(angle: f32) -> f32 {
    libm::sinf(angle)
}

/// Cosine of an angle in radians.
pub fn cos(angle: f32) -> f32 {
    libm::cosf(angle)
}

/// Angle of the point (x, y), radians.
pub fn atan2(y: f32, x: f32) -> f32 {
    libm::atan2f(y, x)
}

/// The angle in -pi/2..=pi/2 whose sine is given.
pub fn asin(sine: f32) -> f32 {
    libm::asinf(sine)
}

/// Length of the vector (x, y).
pub fn hypot(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Natural exponential.
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// A positive number to any power.
pub fn pow(x: f32, power: f32) -> f32 {
    libm::powf(x, power)
}
