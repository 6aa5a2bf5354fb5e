//! The page's colours, for a canvas that does not know style sheets.

use leptos::prelude::window;
use web_sys::HtmlCanvasElement;

/// Colours as style sheets write them.
pub struct Theme {
    /// Behind everything.
    pub card: String,
    /// Of text.
    pub text: String,
    /// Of what is asked for.
    pub accent: String,
    /// Of text on that.
    pub accent_text: String,
    /// Of right hits.
    pub right: String,
    /// Where a picture will be.
    pub track: String,
    /// Of a font.
    pub font: String,
    /// Lightness and chroma of the identities' colours.
    dot: String,
}

impl Theme {
    /// The colours that hold where a canvas is.
    pub fn of(canvas: &HtmlCanvasElement) -> Option<Self> {
        let style = window().get_computed_style(canvas).ok()??;
        let get = |name: &str| {
            let value = style.get_property_value(name).unwrap_or_default();
            value.trim().to_string()
        };
        Some(Self {
            card: get("--card"),
            text: get("--text"),
            accent: get("--accent"),
            accent_text: get("--accent-text"),
            right: get("--right"),
            track: get("--track"),
            font: get("font-family"),
            dot: get("--dot"),
        })
    }

    /// The colour of a hue.
    pub fn hue(&self, degrees: u16) -> String {
        format!("oklch({} {degrees})", self.dot)
    }
}
