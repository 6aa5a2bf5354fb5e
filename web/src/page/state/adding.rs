//! Files that the visitor brings: in slices, so that thousands do not block the page.

use std::collections::HashSet;
use std::time::Duration;

use gloo::timers::future::sleep;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::File;

use super::{Phase, Picture, State};
use crate::page::picture::stamp;
use crate::page::refusal::refusal;

/// Milliseconds of work after which the browser may do something else.
const SLICE: f64 = 12.0;

/// Lets the browser do something else whenever a slice of time is over.
pub(super) struct Breath(f64);

impl Breath {
    pub(super) fn new() -> Self {
        Self(js_sys::Date::now())
    }

    pub(super) fn is_due(&self) -> bool {
        js_sys::Date::now() - self.0 > SLICE
    }

    pub(super) async fn take(&mut self) {
        sleep(Duration::ZERO).await;
        *self = Self::new();
    }
}

impl State {
    /// Adds files of the visitor to the gallery; the first ones take the samples' place. Those
    /// that cannot be pictures are named.
    pub fn add_files(self, files: Vec<File>) {
        if !files.is_empty() {
            self.problems.set(Vec::new());
            spawn_local(self.add_in_slices(files));
        }
    }

    /// Makes files the query.
    pub fn look_for_files(self, files: Vec<File>) {
        self.problems.set(Vec::new());
        let usable = files.iter().filter(|file| self.is_usable(file));
        self.set_query(usable.filter_map(Picture::of).collect());
    }

    /// Whether a file may be a picture; one that cannot be is named.
    fn is_usable(self, file: &File) -> bool {
        // What systems leave in folders is no picture that anybody brought.
        if file.name().starts_with('.') || file.name() == "Thumbs.db" {
            return false;
        }
        let refused = refusal(file);
        if let Some(reason) = &refused {
            let problem = (file.name(), reason.clone());
            self.problems.update(|problems| problems.push(problem));
        }
        refused.is_none()
    }

    async fn add_in_slices(self, files: Vec<File>) {
        let mut visit = self.visit.get_value();
        let mut known: HashSet<_> = (self.gallery.read_untracked().iter())
            .filter_map(Picture::stamp)
            .collect();
        let (mut new, mut ids, mut ranked) = (Vec::new(), Vec::new(), false);
        let (mut breath, mut seen) = (Breath::new(), 0);
        self.count_added(0, files.len());
        for (index, file) in files.iter().enumerate() {
            // Already this may take long: a browser asks the disk for a file's size.
            if self.is_usable(file) && known.insert((file.name().into(), stamp(file))) {
                new.extend(Picture::of(file));
            }
            let last = index + 1 == files.len();
            if !last && !breath.is_due() {
                continue;
            }
            if self.samples.get_untracked() && !new.is_empty() {
                self.clear_samples();
                visit = self.visit.get_value();
                self.count_added(seen, files.len());
            }
            // A job that was asked for in the middle is to be about all of them.
            let working = matches!(self.main.phase.get_untracked(), Phase::Working(..));
            ranked |= working && !ids.is_empty();
            ids.extend(new.iter().map(|picture| picture.id));
            self.add_to_gallery_unkept(std::mem::take(&mut new));
            self.count_added(index + 1 - seen, 0);
            seen = index + 1;
            if !last {
                breath.take().await;
                if self.visit.get_value() != visit {
                    // The gallery was emptied, which ends this too.
                    return;
                }
            }
        }
        if ranked {
            self.rank();
        }
        self.keep_in_slices(ids).await;
    }

    /// Tells how far the adding is.
    fn count_added(self, done: usize, more: usize) {
        self.adding.update(|adding| {
            let (so_far, total) = adding.unwrap_or_default();
            let now = (so_far + done, total + more);
            *adding = (now.0 < now.1).then_some(now);
        });
    }
}
