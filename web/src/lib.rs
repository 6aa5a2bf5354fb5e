//! The site: ranks a gallery of person crops by their likeness to a query, all in the browser.
//!
//! | program | what it does |
//! | --- | --- |
//! | `dcac-web` | the page |
//! | `dcac-search` | a worker: loads models, keeps embeddings, ranks, measures |
//! | `dcac-cpu`, `dcac-cpu-relaxed` | workers, one a core: pictures to embeddings |
//! | `dcac-gpu` | a worker: pictures to embeddings by WebGPU |
//!
//! The page starts the search worker, which starts those that embed.

// The site has nothing to do outside of a browser.
#![cfg(target_arch = "wasm32")]

pub mod encoder;
pub mod page;
mod parts;
mod protocol;
pub mod search;
mod storage;
mod worker;
