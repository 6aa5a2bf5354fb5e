//! What the browser keeps of the gallery until the next visit.

use std::collections::HashSet;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::adding::Breath;
use super::{Picture, State};
use crate::parts;
use crate::protocol::Request;
use crate::storage::{Kept, Storage};

/// Pictures that are kept at once.
const CHUNK: usize = 64;

impl State {
    /// Shows the gallery of the last visit; false where there is none.
    pub async fn restore(self) -> bool {
        let Some(storage) = Storage::open().await else {
            return false;
        };
        let visit = self.visit.get_value();
        let (mut pictures, mut breath) = (Vec::new(), Breath::new());
        for kept in &storage.pictures().await {
            pictures.extend(Picture::again(kept));
            if breath.is_due() {
                breath.take().await;
            }
        }
        let late = self.visit.get_value() != visit || !self.gallery.with_untracked(Vec::is_empty);
        if pictures.is_empty() || late {
            self.release(pictures);
            return false;
        }
        self.gallery.set(pictures);
        self.kept.set(true);
        true
    }

    /// Keeps pictures, or what has changed about them.
    pub(super) fn keep(self, pictures: &[Picture]) {
        let ids = pictures.iter().map(|picture| picture.id).collect();
        spawn_local(self.keep_in_slices(ids));
    }

    /// Keeps those pictures of the gallery that have the numbers.
    pub(super) async fn keep_in_slices(self, ids: Vec<u64>) {
        let visit = self.visit.get_value();
        let Some(storage) = Storage::open().await else {
            return;
        };
        for chunk in ids.chunks(CHUNK) {
            if self.visit.get_value() != visit {
                return;
            }
            let chunk: HashSet<u64> = chunk.iter().copied().collect();
            // As they are now: they may have got labels, or been found unreadable.
            let kept: Vec<Kept> = (self.gallery.read_untracked().iter())
                .filter(|picture| chunk.contains(&picture.id))
                .filter_map(Picture::kept)
                .collect();
            if !kept.is_empty() && !storage.keep(&kept).await {
                return self.kept.set(false);
            }
        }
        let own = !self.samples.get_untracked() && !self.gallery.with_untracked(Vec::is_empty);
        if self.visit.get_value() == visit && own {
            self.kept.set(true);
        }
    }

    /// Keeps pictures no longer.
    pub(super) fn forget(self, pictures: &[Picture]) {
        let ids: Vec<u64> = pictures.iter().map(|picture| picture.id).collect();
        spawn_local(async move {
            if let Some(storage) = Storage::open().await {
                storage.forget(&ids).await;
            }
        });
    }

    /// Keeps a picture no longer of which nothing was computed.
    pub(super) fn forget_unreadable(self, id: u64) {
        spawn_local(async move {
            if let Some(storage) = Storage::open().await {
                storage.forget_pictures(&[id]).await;
            }
        });
    }

    /// Empties the page, and deletes all that the browser keeps for it: pictures, labels,
    /// embeddings and downloaded models.
    pub async fn delete_everything(self) {
        self.clear_gallery();
        self.clear_query();
        for engine in [self.main, self.beside] {
            engine.ask(&Request::Forget);
        }
        if let Some(storage) = Storage::open().await {
            storage.clear().await;
        }
        parts::clear().await;
    }

    /// Gives the browser's memory of pictures back.
    pub(super) fn release(self, pictures: Vec<Picture>) {
        spawn_local(async move {
            let mut breath = Breath::new();
            for picture in &pictures {
                picture.release();
                if breath.is_due() {
                    breath.take().await;
                }
            }
        });
    }
}
