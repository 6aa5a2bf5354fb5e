//! Approximate search in galleries of millions: `trainer index` and `trainer search`.
//!
//! An index is a folder. `index.json` lists its segments; a segment is a file of embeddings
//! in f16 with 256 bits for each, and a file of their paths. A search looks at the bits of
//! all rows, then at the embeddings of the rows whose bits are nearest.
//!
//! No file that is listed is ever changed: what is new is written beside it, and
//! `index.json`, replaced in one step, names what counts. So an index is whole at any
//! moment, however a build ended; it goes on from the last save.

mod best;
mod build;
mod builder;
mod codes;
mod folder;
mod gallery;
mod manifest;
mod query;
mod rows;
mod source;
mod vectors;

pub use build::{IndexArgs, SEGMENT_ROWS, run as build};
pub use builder::Builder;
pub use gallery::{CANDIDATES, Gallery, Search};
pub use query::{SearchArgs, run as search};
