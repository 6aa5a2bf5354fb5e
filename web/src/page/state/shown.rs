//! What of an answer is shown.

use leptos::prelude::*;

use super::{Engine, Picture, Ranking, State};

/// Pictures to show, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// All that the visitor's filters let through; with scores once there is an answer.
    pub pictures: Vec<(Picture, Option<f32>)>,
    /// How many of them are shown.
    pub count: usize,
    /// How many there are without filters.
    pub all: usize,
    /// Whether there is an answer.
    pub ranked: bool,
}

impl Shown {
    /// The hits among them.
    pub fn hits(self) -> Ranking {
        let pictures = self.pictures.into_iter();
        pictures
            .filter_map(|(picture, score)| Some((picture, score?)))
            .collect()
    }
}

impl State {
    /// What of an engine's answer is shown; all pictures while there is none.
    pub fn shown(self, engine: Engine) -> Shown {
        let Some(hits) = engine.ranking.get() else {
            let pictures = self.gallery.get().into_iter();
            let pictures: Vec<_> = pictures.map(|picture| (picture, None)).collect();
            let all = pictures.len();
            return Shown {
                pictures,
                count: all,
                all,
                ranked: false,
            };
        };
        let all = hits.len();
        // The ranking changes along with the query, so this is the query it answers.
        self.relabelled.track();
        let own = (self.query.read_untracked().as_ref()).and_then(Picture::camera);
        let (cutoff, others) = (self.cutoff.get(), self.other_cameras.get());
        let passes = |(picture, score): &(Picture, f32)| {
            *score >= cutoff && !(others && own.is_some() && picture.camera() == own)
        };
        let pictures: Vec<_> = (hits.into_iter().filter(passes))
            .map(|(picture, score)| (picture, Some(score)))
            .collect();
        Shown {
            count: (self.top.get()).map_or(pictures.len(), |top| top.min(pictures.len())),
            pictures,
            all,
            ranked: true,
        }
    }
}
