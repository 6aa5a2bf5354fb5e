//! Small copies of pictures, quick to draw.

use std::collections::{HashMap, HashSet};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlImageElement};

use crate::page::picture::Picture;

/// Size of a copy in device pixels.
const SIZE: [u32; 2] = [96, 192];

/// Pictures that are read at the same time.
const AT_ONCE: usize = 8;

/// Copies that are kept: about 40 MB.
const KEPT: usize = 500;

/// The copies made so far.
#[derive(Default)]
pub struct Thumbnails {
    /// None for pictures that cannot be read.
    made: HashMap<u64, Option<HtmlCanvasElement>>,
    begun: HashSet<u64>,
}

impl Thumbnails {
    /// The copy of a picture, once there is one.
    pub fn get(&self, picture: u64) -> Option<&HtmlCanvasElement> {
        self.made.get(&picture)?.as_ref()
    }

    /// Whether a copy is missing and there is time to make it; then it is counted as begun.
    pub fn begin(&mut self, picture: u64) -> bool {
        let room = self.begun.len() < AT_ONCE && !self.made.contains_key(&picture);
        room && self.begun.insert(picture)
    }

    /// Takes a finished copy.
    pub fn finish(&mut self, picture: u64, copy: Option<HtmlCanvasElement>) {
        self.begun.remove(&picture);
        if self.made.len() >= KEPT {
            // Those that are seen come back within moments.
            self.made.clear();
        }
        self.made.insert(picture, copy);
    }
}

/// Makes the copy of a picture; none where it cannot be read.
pub async fn copy(picture: Picture) -> Option<HtmlCanvasElement> {
    copied(&picture.url).await.ok()
}

async fn copied(url: &str) -> Result<HtmlCanvasElement, JsValue> {
    let image = HtmlImageElement::new()?;
    image.set_src(url);
    JsFuture::from(image.decode()).await?;
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_width(SIZE[0]);
    canvas.set_height(SIZE[1]);
    let context = canvas.get_context("2d")?.ok_or(JsValue::NULL)?;
    let context: CanvasRenderingContext2d = context.unchecked_into();
    // The middle of the picture, as much as there is room for.
    let [width, height] = SIZE.map(f64::from);
    let (own_width, own_height) = (
        f64::from(image.natural_width()).max(1.0),
        f64::from(image.natural_height()).max(1.0),
    );
    let scale = (width / own_width).max(height / own_height);
    let (shown_width, shown_height) = (own_width * scale, own_height * scale);
    context.draw_image_with_html_image_element_and_dw_and_dh(
        &image,
        (width - shown_width) / 2.0,
        (height - shown_height) / 2.0,
        shown_width,
        shown_height,
    )?;
    Ok(canvas)
}
