//! Pictures on the page.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use dcac_model::retrieval::{JUNK, Label, label_of};
use web_sys::{File, Url};

use crate::protocol::Item;
use crate::storage::Kept;

thread_local! {
    /// Files behind the pictures that have one.
    static FILES: RefCell<HashMap<u64, File>> = RefCell::default();
    /// Place of the last file that was added.
    static LAST: Cell<f64> = const { Cell::new(0.0) };
}

/// A crop that the page shows and the engine can read by its address.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Number that no other picture has, of earlier visits too.
    pub id: u64,
    /// File name.
    pub name: Arc<str>,
    /// Absolute address, of the site or of a file in the browser's memory.
    pub url: Arc<str>,
    /// Whom it shows and by which camera, where the name or the visitor says that.
    pub label: Option<Label>,
    /// Place among the visitor's pictures.
    order: f64,
    /// Size and time of a chosen file, by which a second choice of it is known.
    stamp: Option<(u64, u64)>,
}

impl Picture {
    /// A picture at an absolute address.
    pub fn at(url: &str, name: &str) -> Self {
        // 53 random bits: what a number of JavaScript holds.
        let id = (js_sys::Math::random() * (1_u64 << 53) as f64) as u64;
        Self {
            id,
            name: name.into(),
            url: url.into(),
            label: label_of(name),
            order: 0.0,
            stamp: None,
        }
    }

    /// A file that the visitor chose; `None` where the browser gives it no address.
    pub fn of(file: &File) -> Option<Self> {
        let url = Url::create_object_url_with_blob(file).ok()?;
        let picture = Self {
            stamp: Some(stamp(file)),
            order: next_order(),
            ..Self::at(&url, &file.name())
        };
        FILES.with_borrow_mut(|files| files.insert(picture.id, file.clone()));
        Some(picture)
    }

    /// A picture of an earlier visit.
    pub fn again(kept: &Kept) -> Option<Self> {
        let fresh = Self::of(&kept.file)?;
        FILES.with_borrow_mut(|files| {
            files.remove(&fresh.id);
            files.insert(kept.id, kept.file.clone());
        });
        Some(Self {
            id: kept.id,
            label: kept.label,
            order: kept.order,
            ..fresh
        })
    }

    /// The picture as it is kept for the next visit; none for the site's own.
    pub fn kept(&self) -> Option<Kept> {
        Some(Kept {
            id: self.id,
            order: self.order,
            file: FILES.with_borrow(|files| files.get(&self.id).cloned())?,
            label: self.label,
        })
    }

    /// Whom it shows, where that is known.
    pub fn person(&self) -> Option<i32> {
        // 0 stands for nobody in particular.
        let label = self.label.filter(|label| label.identity > 0);
        label.map(|label| label.identity)
    }

    /// The camera that saw it, where that is known.
    pub fn camera(&self) -> Option<u32> {
        // 0 stands for none in particular.
        let label = self.label.filter(|label| label.camera > 0);
        label.map(|label| label.camera)
    }

    /// Whether it is known whom it shows, were it nobody in particular.
    pub fn is_labelled(&self) -> bool {
        self.label.is_some_and(|label| label.identity != JUNK)
    }

    /// Its label in words, else its name.
    pub fn caption(&self) -> String {
        let who = match (self.label, self.person()) {
            (None, _) => return self.name.to_string(),
            (_, Some(person)) => format!("ID {person}"),
            (_, None) => "Unknown".to_string(),
        };
        match self.camera() {
            Some(camera) => format!("{who} · cam {camera}"),
            None => who,
        }
    }

    /// By what the same file, chosen twice, is known.
    pub fn stamp(&self) -> Option<(Arc<str>, (u64, u64))> {
        Some((self.name.clone(), self.stamp?))
    }

    /// The picture as the engine takes it.
    pub fn item(&self) -> Item {
        Item {
            id: self.id,
            url: self.url.to_string(),
            label: self.label,
            kept: self.stamp.is_some(),
        }
    }

    /// Gives the browser's memory of a chosen file back.
    pub fn release(&self) {
        if self.url.starts_with("blob:") {
            // An address that is gone already is what was wanted.
            let _ = Url::revoke_object_url(&self.url);
            FILES.with_borrow_mut(|files| files.remove(&self.id));
        }
    }
}

/// Size and time of a file.
pub fn stamp(file: &File) -> (u64, u64) {
    (file.size() as u64, file.last_modified() as u64)
}

/// The time, a little later for each of the files that are added at once.
fn next_order() -> f64 {
    let order = js_sys::Date::now().max(LAST.get() + 0.001);
    LAST.set(order);
    order
}
