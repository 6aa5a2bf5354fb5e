//! Pages that need no other file: pictures of ranked lists, and what they are made of.

mod patches;
mod picture;
mod ranking;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use patches::Matched;
pub use picture::Picture;
pub use ranking::{Ranked, Shown, legend, meaning, percent};

/// Script of a page with `.filter`.
pub const FILTER: &str = include_str!("filter.js");
/// Script of a page with [`Matched`] pictures.
pub const PATCHES: &str = include_str!("patches.js");

/// A whole page. `scripts` are run at its end.
pub fn document(title: &str, body: &Markup, scripts: &[&str]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                (body)
                footer {
                    "Written by trainer " (env!("CARGO_PKG_VERSION")) ". Pictures of people are part of "
                    "this file: what their data set allows holds for it too. A score says how alike two "
                    "pictures look to a model; it is no proof of identity."
                }
                @for script in scripts {
                    script { (PreEscaped(*script)) }
                }
            }
        }
    };
    page.into_string()
}
