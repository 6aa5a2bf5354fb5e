//! Where two pictures match, patch by patch.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dcac_model::retrieval::patch_similarity;
use maud::{Markup, html};

use super::picture;
use crate::embedder::Patches;

/// Pixels of a picture's height on the page.
const HEIGHT: usize = 256;

/// Two pictures and the similarity of every patch of one to every patch of the other.
pub struct Matched {
    /// Both as `data:` addresses, in the shape that the model sees.
    sources: [String; 2],
    /// Width of a picture, its height being [`HEIGHT`].
    width: usize,
    /// Rows and columns of patches.
    grid: (usize, usize),
    /// A byte for every pair of patches: 255 stands for a cosine of 1, 0 for 0 or less.
    similarity: String,
}

impl Matched {
    /// Compares the patches of a query and a hit.
    pub fn of(query: &Patches, hit: &Patches) -> Result<Self> {
        let width = (HEIGHT * query.shape.1).div_ceil(query.shape.0);
        let similarity = patch_similarity(&query.tokens, &hit.tokens, query.dim);
        let bytes: Vec<u8> = (similarity.iter())
            .map(|cosine| (255.0 * cosine.clamp(0.0, 1.0)).round() as u8)
            .collect();
        let source = |patches: &Patches| picture::source(&patches.pixels, width, HEIGHT);
        Ok(Self {
            sources: [source(query)?, source(hit)?],
            width,
            grid: query.grid,
            similarity: STANDARD.encode(bytes),
        })
    }

    /// Both pictures under what `patches.js` draws over them.
    pub fn draw(&self, title: &str) -> Markup {
        let (rows, columns) = self.grid;
        html! {
            details.why {
                summary { (title) }
                div.matched data-rows=(rows) data-columns=(columns) data-similarity=(self.similarity) {
                    @for (side, source) in ["query", "hit"].iter().zip(&self.sources) {
                        figure {
                            div.under style=(format!("aspect-ratio: {} / {HEIGHT}", self.width)) {
                                img src=(source) alt=(side);
                                canvas tabindex="0" width=(self.width) height=(HEIGHT)
                                    aria-label=(format!("parts of the {side}: move over them, or use the arrow keys")) {}
                            }
                            figcaption { (side) }
                        }
                    }
                    p.note {
                        "Bright: a part that has its like in the other picture. Point at a part, or "
                        "move with the arrow keys, to see where."
                    }
                }
            }
        }
    }
}
