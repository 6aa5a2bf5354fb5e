//! What the browser keeps between visits: pictures with their labels, and embeddings by model.
//! Where it keeps nothing, as in some private windows, all of this does nothing.

use dcac_model::retrieval::Label;
use js_sys::{Array, Float32Array, Object, Reflect};
use rexie::{KeyRange, ObjectStore, Rexie, Store, Transaction, TransactionMode};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::File;

const NAME: &str = "re-identification";
const PICTURES: &str = "pictures";
const EMBEDDINGS: &str = "embeddings";

/// Pictures that are read at once.
const CHUNK: usize = 128;

/// A picture as it is kept.
pub struct Kept {
    /// The page's number of it.
    pub id: u64,
    /// Place in the gallery: lower ones come first.
    pub order: f64,
    /// The file.
    pub file: File,
    /// Whom it shows and by which camera, where that is known.
    pub label: Option<Label>,
}

/// The opened storage.
pub struct Storage(Rexie);

impl Storage {
    /// Opens it; none where the browser keeps nothing.
    pub async fn open() -> Option<Self> {
        let database = Rexie::builder(NAME)
            .version(1)
            .add_object_store(ObjectStore::new(PICTURES))
            .add_object_store(ObjectStore::new(EMBEDDINGS));
        database.build().await.ok().map(Self)
    }

    /// All pictures in the gallery's order.
    pub async fn pictures(&self) -> Vec<Kept> {
        let (_all, store) = match self.store(PICTURES, TransactionMode::ReadOnly) {
            Some(opened) => opened,
            None => return Vec::new(),
        };
        let keys = store.get_all_keys(None, None).await.unwrap_or_default();
        let mut kept = Vec::with_capacity(keys.len());
        // Thousands of files at once would block the page.
        for keys in keys.chunks(CHUNK) {
            let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
                continue;
            };
            let Ok(range) = KeyRange::bound(first, last, None, None) else {
                continue;
            };
            let values = store.get_all(Some(range), None).await.unwrap_or_default();
            let pairs = keys.iter().zip(&values);
            kept.extend(pairs.filter_map(|(key, value)| read(key, value)));
        }
        kept.sort_by(|a, b| a.order.total_cmp(&b.order));
        kept
    }

    /// Keeps pictures, or what has changed about them. False where there is no room.
    pub async fn keep(&self, pictures: &[Kept]) -> bool {
        let values = pictures.iter().map(|picture| {
            let key = JsValue::from(picture.id as f64);
            (write(picture), Some(key))
        });
        self.put(PICTURES, values.collect()).await
    }

    /// Forgets pictures that have no embedding.
    pub async fn forget_pictures(&self, ids: &[u64]) {
        if let Some((all, store)) = self.store(PICTURES, TransactionMode::ReadWrite) {
            for &id in ids {
                let _ = store.delete(JsValue::from(id as f64)).await;
            }
            let _ = all.done().await;
        }
    }

    /// Forgets pictures and their embeddings by any model.
    pub async fn forget(&self, ids: &[u64]) {
        self.forget_pictures(ids).await;
        if let Some((all, store)) = self.store(EMBEDDINGS, TransactionMode::ReadWrite) {
            let gone: std::collections::HashSet<u64> = ids.iter().copied().collect();
            for key in store.get_all_keys(None, None).await.unwrap_or_default() {
                let id = key.clone().unchecked_into::<Array>().get(1).as_f64();
                if id.is_some_and(|id| gone.contains(&(id as u64))) {
                    let _ = store.delete(key).await;
                }
            }
            let _ = all.done().await;
        }
    }

    /// Embeddings by the model whose weights have a digest.
    pub async fn embeddings(&self, digest: &str) -> Vec<(u64, Vec<f32>)> {
        let Some((_all, store)) = self.store(EMBEDDINGS, TransactionMode::ReadOnly) else {
            return Vec::new();
        };
        // An array is higher than any number.
        let first = key(digest, &f64::NEG_INFINITY.into());
        let last = key(digest, &Array::new());
        let Ok(range) = KeyRange::bound(&first, &last, None, None) else {
            return Vec::new();
        };
        let keys = store.get_all_keys(Some(range.clone()), None).await;
        let values = store.get_all(Some(range), None).await;
        let rows = keys
            .unwrap_or_default()
            .into_iter()
            .zip(values.unwrap_or_default());
        rows.filter_map(|(key, value)| {
            let id = key.unchecked_into::<Array>().get(1).as_f64()?;
            Some((id as u64, value.dyn_into::<Float32Array>().ok()?.to_vec()))
        })
        .collect()
    }

    /// Keeps embeddings.
    pub async fn keep_embeddings(&self, digest: &str, rows: &[(u64, &[f32])]) {
        let values = rows.iter().map(|(id, row)| {
            let key = key(digest, &(*id as f64).into());
            (Float32Array::from(*row).into(), Some(key))
        });
        self.put(EMBEDDINGS, values.collect()).await;
    }

    /// Forgets everything.
    pub async fn clear(&self) {
        self.empty(PICTURES).await;
        self.clear_embeddings().await;
    }

    /// Forgets all embeddings.
    pub async fn clear_embeddings(&self) {
        self.empty(EMBEDDINGS).await;
    }

    async fn empty(&self, name: &str) {
        if let Some((all, store)) = self.store(name, TransactionMode::ReadWrite) {
            let _ = store.clear().await;
            let _ = all.done().await;
        }
    }

    fn store(&self, name: &str, mode: TransactionMode) -> Option<(Transaction, Store)> {
        let transaction = self.0.transaction(&[name], mode).ok()?;
        let store = transaction.store(name).ok()?;
        Some((transaction, store))
    }

    async fn put(&self, name: &str, values: Vec<(JsValue, Option<JsValue>)>) -> bool {
        let Some((all, store)) = self.store(name, TransactionMode::ReadWrite) else {
            return false;
        };
        if store.put_all(values.into_iter()).await.is_err() {
            return false;
        }
        all.done().await.is_ok()
    }
}

fn key(digest: &str, id: &JsValue) -> JsValue {
    Array::of2(&digest.into(), id).into()
}

fn write(picture: &Kept) -> JsValue {
    let object = Object::new();
    let label = picture.label;
    let of = |number: Option<f64>| number.map_or(JsValue::NULL, JsValue::from);
    let set = |name: &str, value: &JsValue| {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &name.into(), value);
    };
    set("order", &picture.order.into());
    set("file", &picture.file);
    set(
        "identity",
        &of(label.map(|label| f64::from(label.identity))),
    );
    set("camera", &of(label.map(|label| f64::from(label.camera))));
    object.into()
}

fn read(key: &JsValue, value: &JsValue) -> Option<Kept> {
    let get = |name: &str| Reflect::get(value, &name.into()).ok();
    let number = |name: &str| get(name)?.as_f64();
    let label = number("identity").zip(number("camera"));
    Some(Kept {
        id: key.as_f64()? as u64,
        order: number("order")?,
        file: get("file")?.dyn_into().ok()?,
        label: label.map(|(identity, camera)| Label {
            identity: identity as i32,
            camera: camera as _,
        }),
    })
}
