//! Labels that the visitor gives.

use std::collections::HashMap;

use dcac_model::retrieval::Label;
use leptos::prelude::*;

use super::{Picture, State};

impl State {
    /// Gives pictures other labels, by their numbers: everywhere they are shown, in what is
    /// kept, and in what is measured.
    pub fn relabel(self, labels: &HashMap<u64, Option<Label>>) {
        let set = |picture: &mut Picture| {
            if let Some(label) = labels.get(&picture.id) {
                picture.label = *label;
            }
        };
        let concerns = |picture: &Picture| labels.contains_key(&picture.id);
        self.gallery.update(|all| all.iter_mut().for_each(set));
        if (self.query.read_untracked().as_ref()).is_some_and(concerns) {
            self.query.update(|query| query.iter_mut().for_each(set));
        }
        if self.also.read_untracked().iter().any(concerns) {
            self.also.update(|all| all.iter_mut().for_each(set));
        }
        for engine in [self.main, self.beside] {
            if engine.ranking.with_untracked(Option::is_some) {
                engine.ranking.update(|hits| {
                    let hits = hits.iter_mut().flatten();
                    hits.for_each(|(picture, _)| set(picture));
                });
            }
        }
        self.relabelled.update(|times| *times += 1);
        let changed: Vec<Picture> = (self.gallery.read_untracked().iter())
            .filter(|picture| concerns(picture))
            .cloned()
            .collect();
        self.keep(&changed);
        // A job measures the gallery; embeddings are known by now.
        if self.main.ranking.with_untracked(Option::is_some) {
            self.rank();
        }
    }
}
