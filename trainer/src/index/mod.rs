//! Approximate search in galleries of millions: `trainer index` and `trainer search`.
//!
//! An index is a folder. `index.json` lists its segments; a segment is an HNSW graph of up
//! to a number of rows with their embeddings in f16 (usearch), and a file of their paths.
//! No file that is listed is ever changed: what is new is written beside it, and
//! `index.json`, replaced in one step, names what counts. So an index is whole at any
//! moment, however a build ended; it goes on from the last save.

mod build;
mod builder;
mod folder;
mod gallery;
mod graph;
mod manifest;
mod query;
mod rows;
mod source;

pub use build::{IndexArgs, run as build};
pub use builder::Builder;
pub use gallery::{Gallery, Search};
pub use graph::EF_SEARCH;
pub use query::{SearchArgs, run as search};
