//! The gallery and the query: what can happen to them.

use leptos::prelude::*;

use super::{Picture, State};

impl State {
    /// Whether the gallery is known to be of several cameras.
    pub fn has_cameras(self) -> bool {
        self.gallery.with(|all| {
            let mut cameras = all.iter().filter_map(Picture::camera);
            let first = cameras.next();
            cameras.any(|camera| Some(camera) != first)
        })
    }

    /// Shows the sample gallery in place of what there is.
    pub fn show_samples(self, samples: Vec<Picture>) {
        self.clear_gallery();
        self.samples.set(true);
        self.gallery.set(samples);
    }

    /// Looks for the first sample whom another one shows too, so that a visitor sees at once
    /// what the page does.
    pub fn look_for_a_sample(self) {
        let shown_again = |picture: &&Picture, all: &[Picture]| {
            let other =
                |other: &Picture| other.id != picture.id && other.person() == picture.person();
            picture.person().is_some() && all.iter().any(other)
        };
        let first = self.gallery.with_untracked(|all| {
            let found = all.iter().find(|picture| shown_again(picture, all));
            found.cloned()
        });
        if let (Some(picture), None) = (first, self.query.get_untracked()) {
            self.look_for(picture);
        }
    }

    /// Adds a picture of the visitor; the first one takes the samples' place.
    pub fn add_to_gallery(self, picture: Picture) {
        if self.samples.get_untracked() {
            self.clear_samples();
        }
        self.add_to_gallery_unkept(vec![picture.clone()]);
        self.keep(&[picture]);
    }

    /// Adds pictures that are kept later.
    pub(super) fn add_to_gallery_unkept(self, pictures: Vec<Picture>) {
        if !pictures.is_empty() {
            self.changed();
            self.gallery.update(|gallery| gallery.extend(pictures));
        }
    }

    /// Takes the samples away.
    pub(super) fn clear_samples(self) {
        let problems = self.problems.get_untracked();
        self.clear_gallery();
        self.problems.set(problems);
    }

    /// Empties the gallery.
    pub fn clear_gallery(self) {
        self.visit.update_value(|visit| *visit += 1);
        self.adding.set(None);
        self.changed();
        self.samples.set(false);
        self.kept.set(false);
        self.problems.set(Vec::new());
        let mut gone = std::mem::take(&mut *self.gallery.write());
        self.forget(&gone);
        gone.retain(|picture| !self.is_query(picture));
        self.release(gone);
    }

    /// Looks for nobody any more.
    pub(super) fn clear_query(self) {
        self.changed();
        let mut gone = std::mem::take(&mut *self.also.write());
        gone.extend(self.query.write().take());
        gone.iter()
            .for_each(|picture| self.release_unless_shown(picture));
    }

    /// Whether a picture is looked for.
    pub(super) fn is_query(self, picture: &Picture) -> bool {
        let first = |query: &Option<Picture>| query.as_ref() == Some(picture);
        self.query.with_untracked(first) || self.also.with_untracked(|all| all.contains(picture))
    }

    /// Chooses pictures of the person to look for.
    pub fn set_query(self, pictures: Vec<Picture>) {
        let mut pictures = pictures.into_iter();
        if let Some(first) = pictures.next() {
            self.changed();
            self.replace_query(first);
            self.also.set(pictures.collect());
        }
    }

    /// Looks for a picture of the gallery in all others.
    pub fn look_for(self, picture: Picture) {
        self.replace_query(picture);
        self.rank();
    }

    /// Looks for what a picture of the gallery and those before have in common.
    pub fn look_for_too(self, picture: Picture) {
        if !self.is_query(&picture) {
            self.also.update(|all| all.push(picture));
        }
        self.rank();
    }

    /// Takes one of the further pictures out of the query.
    pub fn leave_out(self, picture: &Picture) {
        self.also.update(|all| all.retain(|other| other != picture));
        self.release_unless_shown(picture);
        self.rank();
    }

    fn replace_query(self, picture: Picture) {
        let mut before = std::mem::take(&mut *self.also.write());
        before.extend(self.query.write().replace(picture));
        for old in before {
            self.release_unless_shown(&old);
        }
    }

    pub(super) fn release_unless_shown(self, picture: &Picture) {
        let shown = self.gallery.with_untracked(|all| all.contains(picture));
        if !shown && !self.is_query(picture) {
            picture.release();
        }
    }
}
