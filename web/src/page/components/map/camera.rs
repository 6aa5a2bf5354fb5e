//! Which part of the plane is seen.

/// How far one can go in.
const DEEPEST: f64 = 80.0;

/// Pixels around the whole map, at most a quarter of the canvas: room for thumbnails.
const MARGIN: f64 = 60.0;

/// A view of the plane. Sizes and points of the screen are in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Size of the canvas.
    pub size: [f64; 2],
    /// Half the width and height of what there is to see, around the plane's origin.
    pub extent: [f64; 2],
    /// 1 shows all.
    zoom: f64,
    /// The place in the middle of the canvas.
    centre: [f64; 2],
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            size: [1.0; 2],
            extent: [1.0; 2],
            zoom: 1.0,
            centre: [0.0; 2],
        }
    }
}

impl Camera {
    /// How near it is; 1 shows all.
    pub fn zoom(&self) -> f64 {
        self.zoom
    }

    /// Where a place of the plane is on the screen.
    pub fn on_screen(&self, place: [f64; 2]) -> [f64; 2] {
        let scale = self.scale();
        [0, 1].map(|axis| (place[axis] - self.centre[axis]) * scale + self.size[axis] / 2.0)
    }

    /// Whether a point of the screen is on the canvas, or at most so far off.
    pub fn sees(&self, point: [f64; 2], off: f64) -> bool {
        (0..2).all(|axis| point[axis] > -off && point[axis] < self.size[axis] + off)
    }

    /// Moves what is seen by so many pixels.
    pub fn pan(&mut self, by: [f64; 2]) {
        let scale = self.scale();
        for (centre, by) in self.centre.iter_mut().zip(by) {
            *centre -= by / scale;
        }
        self.stay();
    }

    /// Goes nearer by a factor while a point of the screen stays what it is. False where it is
    /// as near or as far as it can be.
    pub fn zoom_at(&mut self, point: [f64; 2], factor: f64) -> bool {
        let zoom = (self.zoom * factor).clamp(1.0, DEEPEST);
        if zoom == self.zoom {
            return false;
        }
        let off = [0, 1].map(|axis| point[axis] - self.size[axis] / 2.0);
        let before = self.scale();
        self.zoom = zoom;
        let after = self.scale();
        for (centre, off) in self.centre.iter_mut().zip(off) {
            *centre += off / before - off / after;
        }
        self.stay();
        true
    }

    /// The middle of the canvas.
    pub fn middle(&self) -> [f64; 2] {
        self.size.map(|length| length / 2.0)
    }

    /// Shows all.
    pub fn reset(&mut self) {
        (self.zoom, self.centre) = (1.0, [0.0; 2]);
    }

    /// Moves so that a place of the plane is seen.
    pub fn reveal(&mut self, place: [f64; 2]) {
        if !self.sees(self.on_screen(place), -24.0) {
            self.centre = place;
            self.stay();
        }
    }

    /// Pixels of a unit of the plane.
    fn scale(&self) -> f64 {
        let fit = [0, 1].map(|axis| {
            let half = self.size[axis] / 2.0;
            (half - MARGIN.min(half / 2.0)) / self.extent[axis]
        });
        fit[0].min(fit[1]) * self.zoom
    }

    /// Does not lose the map: at rest it lies in the middle.
    fn stay(&mut self) {
        let room = 1.0 - 1.0 / self.zoom;
        for (centre, extent) in self.centre.iter_mut().zip(self.extent) {
            *centre = centre.clamp(-extent * room * 1.2, extent * room * 1.2);
        }
    }
}
