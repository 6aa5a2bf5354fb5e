//! Pictures on the page.

use std::cell::Cell;
use std::sync::Arc;

use dcac_model::retrieval::{Label, label_of};
use web_sys::{File, Url};

use crate::worker::protocol::Item;

/// A crop that the page shows and the engine can read by its address.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Number on this page, never used twice.
    pub id: u32,
    /// File name.
    pub name: Arc<str>,
    /// Absolute address, of the site or of a file in the browser's memory.
    pub url: Arc<str>,
    /// Whom it shows and by which camera, where the name says that.
    pub label: Option<Label>,
    /// Size and time of a chosen file, by which a second choice of it is known.
    stamp: Option<(u64, u64)>,
}

impl Picture {
    /// A picture at an absolute address.
    pub fn at(url: &str, name: &str) -> Self {
        thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
        Self {
            id: NEXT.replace(NEXT.get() + 1),
            name: name.into(),
            url: url.into(),
            label: label_of(name),
            stamp: None,
        }
    }

    /// A file that the visitor chose; `None` where the browser gives it no address.
    pub fn of(file: &File) -> Option<Self> {
        let url = Url::create_object_url_with_blob(file).ok()?;
        Some(Self {
            stamp: Some((file.size() as u64, file.last_modified() as u64)),
            ..Self::at(&url, &file.name())
        })
    }

    /// Whom it shows, where that is known.
    pub fn person(&self) -> Option<i32> {
        // 0 stands for nobody in particular.
        let label = self.label.filter(|label| label.identity > 0);
        label.map(|label| label.identity)
    }

    /// Whether both are the same file, chosen twice.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.stamp.is_some() && self.stamp == other.stamp && self.name == other.name
    }

    /// The picture as the engine takes it.
    pub fn item(&self) -> Item {
        Item {
            id: self.id,
            url: self.url.to_string(),
            label: self.label,
        }
    }

    /// Gives the browser's memory of a chosen file back.
    pub fn release(&self) {
        if self.url.starts_with("blob:") {
            // An address that is gone already is what was wanted.
            let _ = Url::revoke_object_url(&self.url);
        }
    }
}
