//! Answers and embeddings as files for other programs.

mod arrays;
mod ranking;
mod save;

pub use arrays::{npy, rows_csv, safetensors};
pub use ranking::{Answer, Settings};
pub use save::save;
