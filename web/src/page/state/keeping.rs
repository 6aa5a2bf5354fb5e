//! What the browser keeps of the gallery until the next visit.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Picture, State};
use crate::storage::{Kept, Storage};

impl State {
    /// Shows the gallery of the last visit; false where there is none.
    pub async fn restore(self) -> bool {
        let Some(storage) = Storage::open().await else {
            return false;
        };
        let kept = storage.pictures().await;
        let pictures: Vec<Picture> = kept.iter().filter_map(Picture::again).collect();
        if pictures.is_empty() || !self.gallery.with_untracked(Vec::is_empty) {
            return false;
        }
        self.gallery.set(pictures);
        self.kept.set(true);
        true
    }

    /// Keeps pictures, or what has changed about them.
    pub(super) fn keep(self, pictures: &[Picture]) {
        let kept: Vec<Kept> = pictures.iter().filter_map(Picture::kept).collect();
        spawn_local(async move {
            if let Some(storage) = Storage::open().await {
                self.kept.set(storage.keep(&kept).await);
            }
        });
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
}
