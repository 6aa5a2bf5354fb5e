//! The files of a drop, folders with all that is in them.

use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

/// What was dropped. It has to be asked for while the event lasts; reading it takes longer.
pub struct Dropped(Vec<FileSystemEntry>);

impl Dropped {
    /// Looks at a drop.
    pub fn of(data: &DataTransfer) -> Self {
        let items = data.items();
        let entries = (0..items.length()).filter_map(|index| {
            let item = items.get(index)?;
            item.webkit_get_as_entry().ok().flatten()
        });
        Self(entries.collect())
    }

    /// All files, folder by folder.
    pub async fn files(self) -> Vec<File> {
        let (mut entries, mut files) = (self.0, Vec::new());
        entries.reverse();
        while let Some(entry) = entries.pop() {
            // By what entries say of themselves: browsers name their classes differently. What
            // cannot be read, such as a folder without permission, has no files.
            if entry.is_directory() {
                let mut inside = content(entry.unchecked_ref()).await.unwrap_or_default();
                inside.sort_by_key(FileSystemEntry::name);
                entries.extend(inside.into_iter().rev());
            } else {
                files.extend(file(entry.unchecked_ref()).await);
            }
        }
        files
    }
}

async fn file(entry: &FileSystemFileEntry) -> Option<File> {
    let read = Promise::new(&mut |found, failed| {
        entry.file_with_callback_and_callback(&found, &failed);
    });
    JsFuture::from(read).await.ok()?.dyn_into().ok()
}

/// A browser hands the entries of a folder out a hundred at a time.
async fn content(folder: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, JsValue> {
    let reader = folder.create_reader();
    let mut all = Vec::new();
    loop {
        let read = Promise::new(&mut |found, failed: js_sys::Function| {
            if let Err(error) = reader.read_entries_with_callback_and_callback(&found, &failed) {
                // The promise fails with it.
                let _ = failed.call1(&JsValue::NULL, &error);
            }
        });
        let some: Array = JsFuture::from(read).await?.dyn_into()?;
        if some.length() == 0 {
            return Ok(all);
        }
        all.extend(some.iter().map(JsCast::unchecked_into));
    }
}
