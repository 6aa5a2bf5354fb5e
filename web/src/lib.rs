//! The site: ranks a gallery of person crops by their likeness to a query, all in the browser.
//!
//! | program | what it does |
//! | --- | --- |
//! | `dcac-web` | the page |
//! | `dcac-search` | a worker: loads models, keeps embeddings, ranks, measures |
//!
//! The page starts the search worker, which starts those of the crate `dcac-encoder`, which
//! embed pictures.

// The site has nothing to do outside of a browser.
#![cfg(target_arch = "wasm32")]

mod fetch;
mod models;
pub mod page;
mod parts;
mod protocol;
pub mod search;
mod storage;
