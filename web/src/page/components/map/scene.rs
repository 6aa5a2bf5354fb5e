//! What there is on the map.

use std::collections::{BTreeSet, HashMap};

use super::camera::Camera;
use crate::page::components::tile::Verdict;
use crate::page::picture::Picture;
use crate::page::state::{Layout, Ranking};

/// Hits that are marked.
const MARKED: usize = 10;

/// Steps of likeness that can be told apart.
const SHADES: u8 = 8;

/// How a picture's dot is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ink {
    /// By its likeness to the query, 1 for the least to [`SHADES`]; whom it shows is not known.
    Score(u8),
    /// By whom it shows: a hue in degrees.
    Identity(u16),
}

impl Ink {
    /// How opaque it is, 0 to 1.
    pub fn opacity(self) -> f64 {
        match self {
            Self::Score(shade) => 0.25 + 0.75 * f64::from(shade) / f64::from(SHADES),
            Self::Identity(_) => 1.0,
        }
    }
}

/// What a picture has to do with the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is looked for.
    Query,
    /// One of the first hits.
    Marked,
    /// Nothing in particular.
    Other,
}

/// A picture on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// The picture.
    pub picture: Picture,
    /// Likeness to the query.
    pub score: Option<f32>,
    /// Place in the ranking, from 1.
    pub place: Option<usize>,
    /// What it has to do with the query.
    pub role: Role,
    /// Whether it shows the query's person, as far as names tell.
    pub verdict: Verdict,
    /// How it is filled.
    pub ink: Ink,
    /// Where it is drawn.
    pub now: [f64; 2],
    /// Where it shall be.
    target: [f64; 2],
}

impl Dot {
    /// Whom it shows and what the ranking says of it, in words.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(label) = self.picture.label {
            words.extend(self.picture.person().map(|person| format!("ID {person}")));
            words.push(format!("camera {}", label.camera));
        }
        match (self.role, self.place, self.score) {
            (Role::Query, ..) => words.push("query".to_string()),
            (_, Some(place), Some(score)) => {
                words.push(format!("place {place}, score {score:.3}"));
            }
            _ => {}
        }
        words.join(", ")
    }
}

/// All pictures, by their ink.
#[derive(Clone, Default)]
pub struct Scene {
    /// The pictures.
    pub dots: Vec<Dot>,
}

impl Scene {
    /// The pictures of a layout as an answer sees them. Those of `before` start where they were.
    pub fn new(
        layout: &Layout,
        gallery: &[Picture],
        ranking: Option<&Ranking>,
        query: Option<&Picture>,
        also: &[Picture],
        before: &Self,
    ) -> Self {
        let pictures: HashMap<u64, &Picture> = gallery
            .iter()
            .map(|picture| (picture.id, picture))
            .collect();
        let ranked: HashMap<u64, (usize, f32)> = (ranking.into_iter().flatten().enumerate())
            .map(|(index, (picture, score))| (picture.id, (index + 1, *score)))
            .collect();
        let before: HashMap<u64, [f64; 2]> = (before.dots.iter())
            .map(|dot| (dot.picture.id, dot.now))
            .collect();
        let people: BTreeSet<i32> = gallery.iter().filter_map(Picture::person).collect();
        // Hues that follow each other differ by the golden angle, so that any few differ well.
        let hue = |index: usize| (index as f64 * 137.508 % 360.0) as u16;
        let hues: HashMap<i32, u16> = (people.into_iter().enumerate())
            .map(|(index, person)| (person, hue(index)))
            .collect();
        let scores = || ranked.values().map(|&(_, score)| score);
        let (least, most) = (
            scores().fold(f32::INFINITY, f32::min),
            scores().fold(f32::NEG_INFINITY, f32::max),
        );
        let shade = |score: Option<f32>| match score {
            Some(score) if most > least => {
                1 + (f32::from(SHADES - 1) * (score - least) / (most - least)) as u8
            }
            _ => SHADES,
        };
        let centred = centred(&layout.points);
        let dots = layout
            .points
            .iter()
            .zip(centred)
            .filter_map(|((id, _), target)| {
                let picture = pictures.get(id).copied()?.clone();
                let found = ranked.get(id);
                let (place, score) = (found.map(|hit| hit.0), found.map(|hit| hit.1));
                let role = match place {
                    _ if query.into_iter().chain(also).any(|query| query.id == *id) => Role::Query,
                    Some(place) if place <= MARKED => Role::Marked,
                    _ => Role::Other,
                };
                let person = picture.person().and_then(|person| hues.get(&person));
                Some(Dot {
                    score,
                    place,
                    role,
                    verdict: Verdict::of(query, &picture),
                    ink: person.map_or(Ink::Score(shade(score)), |&hue| Ink::Identity(hue)),
                    picture,
                    now: before.get(id).copied().unwrap_or(target),
                    target,
                })
            });
        let mut dots: Vec<Dot> = dots.collect();
        dots.sort_by_key(|dot| dot.ink);
        Self { dots }
    }

    /// Gives the pictures new places, which they move to.
    pub fn aim(&mut self, layout: &Layout) {
        let ids = layout.points.iter().map(|(id, _)| *id);
        let targets: HashMap<u64, [f64; 2]> = ids.zip(centred(&layout.points)).collect();
        for dot in &mut self.dots {
            if let Some(target) = targets.get(&dot.picture.id) {
                dot.target = *target;
            }
        }
    }

    /// Half the width and height of all.
    pub fn extent(&self) -> [f64; 2] {
        [0, 1].map(|axis| {
            let far = self.dots.iter().map(|dot| dot.target[axis].abs());
            far.fold(0.05, f64::max)
        })
    }

    /// Moves every picture by a share of its way; false once all are there.
    pub fn move_on(&mut self, share: f64) -> bool {
        let mut moved = false;
        for dot in &mut self.dots {
            for axis in 0..2 {
                let way = dot.target[axis] - dot.now[axis];
                let arrived = way.abs() < 1e-3;
                dot.now[axis] += if arrived { way } else { share * way };
                moved |= !arrived;
            }
        }
        moved
    }

    /// The index of a picture.
    pub fn index_of(&self, picture: u64) -> Option<usize> {
        self.dots.iter().position(|dot| dot.picture.id == picture)
    }

    /// The index of the nearest picture to a point of the screen that lies within its thumbnail
    /// of a size, or close to its dot.
    pub fn at(
        &self,
        point: [f64; 2],
        camera: &Camera,
        thumbnail: Option<[f64; 2]>,
    ) -> Option<usize> {
        let reach = thumbnail.map_or([12.0; 2], |size| size.map(|length| length / 2.0));
        let near = self.dots.iter().enumerate().filter_map(|(index, dot)| {
            let at = camera.on_screen(dot.now);
            let off = [0, 1].map(|axis| (at[axis] - point[axis]).abs());
            let hit = off[0] <= reach[0] && off[1] <= reach[1];
            hit.then_some((index, off[0].hypot(off[1])))
        });
        near.min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    }
}

/// Places around the middle of their extent, whose longer side is 2.
fn centred(points: &[(u64, [f32; 2])]) -> Vec<[f64; 2]> {
    let bounds = [0, 1].map(|axis| {
        let values = || points.iter().map(|(_, place)| f64::from(place[axis]));
        (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        )
    });
    let half = (bounds.iter()).map(|(low, high)| (high - low) / 2.0);
    let half = half.fold(0.0, f64::max);
    let scale = if half > 0.0 { 1.0 / half } else { 0.0 };
    let place = |place: &[f32; 2]| {
        [0, 1].map(|axis| {
            let (low, high) = bounds[axis];
            (f64::from(place[axis]) - (low + high) / 2.0) * scale
        })
    };
    points.iter().map(|(_, at)| place(at)).collect()
}
