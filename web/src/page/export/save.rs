//! Files that the page makes, saved where the browser saves downloads.

use std::time::Duration;

use js_sys::{Array, Uint8Array};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Time after which a browser has begun a download for sure.
const BEGUN: Duration = Duration::from_secs(60);

/// Saves `content` under a name.
pub fn save(name: &str, kind: &str, content: &[u8]) -> Result<(), String> {
    saved(name, kind, content)
        .map_err(|error| format!("{name} cannot be saved: {error:?}; is there enough memory?"))
}

fn saved(name: &str, kind: &str, content: &[u8]) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let bytes = Array::of1(&Uint8Array::from(content));
    let blob = Blob::new_with_u8_array_sequence_and_options(&bytes, &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    set_timeout(
        move || {
            // An address that is gone already is what was wanted.
            let _ = Url::revoke_object_url(&url);
        },
        BEGUN,
    );
    Ok(())
}
