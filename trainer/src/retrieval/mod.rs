//! Retrieval over whole test sets: blocks of scores on all cores in bounded memory.

mod by_camera;
mod measure;
mod neighbours;
mod product;
mod roc;
mod rows;
#[cfg(test)]
mod tests;

pub use by_camera::CameraPair;
pub use measure::{Measures, Side, measure};
pub use neighbours::{expand_queries, rerank, rerank_settings};
pub use product::scores;
pub use roc::RocPoint;
pub use rows::{each_row, memory};
