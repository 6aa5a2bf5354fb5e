//! A way through the map for those who do not point: from each picture to the nearest one that
//! was not visited yet.

use std::collections::HashSet;

use super::scene::{Role, Scene};

/// The pictures visited so far.
#[derive(Default)]
pub struct Walk {
    visited: Vec<u64>,
    /// Index of the current one.
    at: Option<usize>,
}

impl Walk {
    /// The current picture.
    pub fn current(&self) -> Option<u64> {
        self.visited.get(self.at?).copied()
    }

    /// Goes on by a step; the first one leads to the query, or to the first picture. False
    /// where there is nowhere to go.
    pub fn next(&mut self, scene: &Scene) -> bool {
        let next = self.at.map_or(0, |at| at + 1);
        if next >= self.visited.len() {
            let Some(picture) = self.nearest(scene) else {
                return false;
            };
            self.visited.push(picture);
        }
        self.at = Some(next);
        true
    }

    /// Goes back by a step; false at the beginning.
    pub fn back(&mut self) -> bool {
        let before = self.at.and_then(|at| at.checked_sub(1));
        if before.is_some() {
            self.at = before;
        }
        before.is_some()
    }

    /// Forgets all.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// What comes after the last visited picture.
    fn nearest(&self, scene: &Scene) -> Option<u64> {
        let visited: HashSet<u64> = self.visited.iter().copied().collect();
        let last = self.visited.last().and_then(|last| scene.index_of(*last));
        let Some(from) = last.map(|last| scene.dots[last].now) else {
            let query = scene.dots.iter().find(|dot| dot.role == Role::Query);
            let first = query.or_else(|| scene.dots.iter().min_by_key(|dot| dot.place))?;
            return Some(first.picture.id);
        };
        let others = (scene.dots.iter()).filter(|dot| !visited.contains(&dot.picture.id));
        let distance = |at: [f64; 2]| (at[0] - from[0]).hypot(at[1] - from[1]);
        let nearest = others.min_by(|a, b| distance(a.now).total_cmp(&distance(b.now)));
        nearest.map(|dot| dot.picture.id)
    }
}
