//! Fingers and the mouse on the map.

use super::camera::Camera;

/// Pixels that a press may move and still be a click.
const STILL: f64 = 5.0;

/// The pointers that are down.
#[derive(Default)]
pub struct Pointers {
    down: Vec<(i32, [f64; 2])>,
    /// Way since the first one went down, in pixels.
    way: f64,
}

impl Pointers {
    /// Whether any is down.
    pub fn any(&self) -> bool {
        !self.down.is_empty()
    }

    /// Whether what is going on is no click.
    pub fn dragging(&self) -> bool {
        self.any() && self.way > STILL
    }

    /// A pointer goes down.
    pub fn press(&mut self, id: i32, at: [f64; 2]) {
        if self.down.is_empty() {
            self.way = 0.0;
        } else {
            // Two fingers do not click.
            self.way = f64::INFINITY;
        }
        self.down.push((id, at));
    }

    /// A pointer moves: one alone moves the map, two stretch it. False where it is not down.
    pub fn drag(&mut self, id: i32, to: [f64; 2], camera: &mut Camera) -> bool {
        let Some(index) = self.down.iter().position(|pointer| pointer.0 == id) else {
            return false;
        };
        let from = self.down[index].1;
        self.down[index].1 = to;
        self.way += distance(from, to);
        let other = (self.down.iter())
            .find(|pointer| pointer.0 != id)
            .map(|pointer| pointer.1);
        match other {
            Some(other) => {
                let middle = |a: [f64; 2]| [0, 1].map(|axis| (a[axis] + other[axis]) / 2.0);
                let (before, after) = (middle(from), middle(to));
                camera.pan([after[0] - before[0], after[1] - before[1]]);
                let stretched = distance(to, other) / distance(from, other).max(1.0);
                camera.zoom_at(after, stretched);
            }
            None if self.way > STILL => camera.pan([to[0] - from[0], to[1] - from[1]]),
            None => {}
        }
        true
    }

    /// A pointer goes up; true if that was a click.
    pub fn release(&mut self, id: i32) -> bool {
        let before = self.down.len();
        self.down.retain(|pointer| pointer.0 != id);
        self.down.len() < before && self.down.is_empty() && self.way <= STILL
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}
