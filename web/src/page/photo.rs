//! Photos that persons are cut out of.

use std::sync::Arc;

use js_sys::{Array, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, CanvasRenderingContext2d, Document, File, FilePropertyBag, HtmlCanvasElement,
    HtmlImageElement, Url,
};

use super::frame::Frame;
use super::picture::Picture;

/// Width by height from which on a picture is rather a photo than a crop of a person.
const WIDE: f64 = 0.75;

/// A photo in the cropper.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// File name.
    pub name: Arc<str>,
    /// Address.
    pub url: Arc<str>,
    /// Whether the address is for the cropper alone.
    own: bool,
}

impl Photo {
    /// A file that the visitor chose; `None` where the browser gives it no address.
    pub fn of(file: &File) -> Option<Self> {
        Some(Self {
            name: file.name().into(),
            url: Url::create_object_url_with_blob(file).ok()?.into(),
            own: true,
        })
    }

    /// A picture that is on the page already.
    pub fn on_page(picture: &Picture) -> Self {
        Self {
            name: picture.name.clone(),
            url: picture.url.clone(),
            own: false,
        }
    }

    /// Gives the browser's memory of the file back.
    pub fn close(&self) {
        if self.own {
            // An address that is gone already is what was wanted.
            let _ = Url::revoke_object_url(&self.url);
        }
    }

    /// The first name for a crop that is not in use: `street-1.png` of `street.jpg`.
    pub fn crop_name(&self, used: impl Fn(&str) -> bool) -> String {
        let stem = (self.name.rsplit_once('.')).map_or(&*self.name, |(stem, _)| stem);
        let names = (1_u32..).map(|number| format!("{stem}-{number}.png"));
        // There are more numbers than pictures.
        names
            .into_iter()
            .find(|name| !used(name))
            .unwrap_or_default()
    }
}

/// Whether a picture, once loaded, looks like a photo of more than a person.
pub fn is_wide(image: &HtmlImageElement) -> bool {
    let (width, height) = (image.natural_width(), image.natural_height());
    height > 0 && f64::from(width) / f64::from(height) > WIDE
}

/// Cuts a part out of a shown photo, in the photo's own resolution. What is shown is upright,
/// whatever the file's EXIF orientation, and so is the part.
pub async fn cut(
    document: &Document,
    image: &HtmlImageElement,
    frame: Frame,
    name: &str,
) -> Result<File, String> {
    let failed = |_: JsValue| {
        format!(
            "this browser cannot cut out {:.0} x {:.0} pixels; draw a smaller box",
            frame.width, frame.height
        )
    };
    let blob = (drawn(document, image, frame).await).map_err(failed)?;
    let options = FilePropertyBag::new();
    options.set_type("image/png");
    File::new_with_blob_sequence_and_options(&Array::of1(&blob), name, &options).map_err(failed)
}

async fn drawn(
    document: &Document,
    image: &HtmlImageElement,
    frame: Frame,
) -> Result<Blob, JsValue> {
    let canvas: HtmlCanvasElement = document.create_element("canvas")?.dyn_into()?;
    canvas.set_width(frame.width as u32);
    canvas.set_height(frame.height as u32);
    let context = canvas.get_context("2d")?.ok_or(JsValue::NULL)?;
    let context: CanvasRenderingContext2d = context.dyn_into()?;
    context.draw_image_with_html_image_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
        image,
        frame.left,
        frame.top,
        frame.width,
        frame.height,
        0.0,
        0.0,
        frame.width,
        frame.height,
    )?;
    let mut refused = Ok(());
    let made = Promise::new(&mut |found, failed| {
        let give = Closure::once_into_js(move |blob: JsValue| {
            // Whoever waits hears one of the two.
            let _ = found.call1(&JsValue::NULL, &blob);
        });
        if let Err(error) = canvas.to_blob(give.unchecked_ref()) {
            let _ = failed.call1(&JsValue::NULL, &error);
            refused = Err(error);
        }
    });
    refused?;
    // Too large a canvas gives null.
    JsFuture::from(made).await?.dyn_into()
}
