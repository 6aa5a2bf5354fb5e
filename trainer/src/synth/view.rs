//! The pinhole camera of one crop.
//!
//! World: metres, x right, y up, z away from the camera, which stands at (0, height, 0). The
//! crop is a window around the pedestrian, so the optical axis is taken through the middle of
//! the person and the focal length is chosen by how many pixels a metre takes there.

/// A point or direction, metres.
pub type Vec3 = [f32; 3];

/// `a + b * k`, per axis.
pub fn along(a: Vec3, b: Vec3, k: f32) -> Vec3 {
    std::array::from_fn(|i| a[i] + b[i] * k)
}

/// Inner product.
pub fn dot(a: Vec3, b: Vec3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Projection between world and crop pixels.
#[derive(Clone, Copy)]
pub struct View {
    /// Optical centre.
    pub eye: Vec3,
    forward: Vec3,
    right: Vec3,
    up: Vec3,
    focal: (f32, f32),
    centre: (f32, f32),
}

impl View {
    /// A camera `height` metres up that looks at `target`; a metre at the target takes `ppm.0`
    /// pixels across and `ppm.1` pixels upwards, and the target lands on pixel `centre`.
    pub fn new(height: f32, target: Vec3, ppm: (f32, f32), centre: (f32, f32)) -> Self {
        let eye = [0.0, height, 0.0];
        let ray = along(target, eye, -1.0);
        let distance = dot(ray, ray).sqrt().max(0.5);
        let forward = ray.map(|c| c / distance);
        let flat = (forward[0] * forward[0] + forward[2] * forward[2])
            .sqrt()
            .max(1e-3);
        let right = [forward[2] / flat, 0.0, -forward[0] / flat];
        let up = [
            -forward[0] * forward[1] / flat,
            flat,
            -forward[2] * forward[1] / flat,
        ];
        Self {
            eye,
            forward,
            right,
            up,
            focal: (ppm.0 * distance, ppm.1 * distance),
            centre,
        }
    }

    /// Pixel (x, y) of a world point.
    pub fn project(&self, point: Vec3) -> (f32, f32) {
        let ray = along(point, self.eye, -1.0);
        let depth = dot(ray, self.forward).max(0.2);
        (
            self.centre.0 + self.focal.0 * dot(ray, self.right) / depth,
            self.centre.1 - self.focal.1 * dot(ray, self.up) / depth,
        )
    }

    /// Distance along the optical axis, metres.
    pub fn depth(&self, point: Vec3) -> f32 {
        dot(along(point, self.eye, -1.0), self.forward)
    }

    /// Pixels that a metre takes at `point`, across.
    pub fn scale(&self, point: Vec3) -> f32 {
        self.focal.0 / self.depth(point).max(0.2)
    }

    /// Direction of sight through pixel (x, y); not normalised.
    pub fn ray(&self, x: f32, y: f32) -> Vec3 {
        let across = (x - self.centre.0) / self.focal.0;
        let upwards = (self.centre.1 - y) / self.focal.1;
        along(along(self.forward, self.right, across), self.up, upwards)
    }

    /// The horizontal direction that runs to the right in the picture.
    pub fn right(&self) -> Vec3 {
        self.right
    }

    /// Sine of the angle by which the camera looks down.
    pub fn pitch(&self) -> f32 {
        -self.forward[1]
    }
}
