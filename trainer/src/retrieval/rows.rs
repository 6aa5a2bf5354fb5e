//! The scores of one query after the other, computed in blocks.

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::product;

/// Reads `--memory`: mebibytes, as bytes.
pub fn memory(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(mebibytes) if mebibytes > 0 => Ok(mebibytes.saturating_mul(1 << 20)),
        _ => Err(format!(
            "`{text}` is no number of mebibytes; give 1 or more"
        )),
    }
}

/// Queries at once. More make the product no faster, and memory that is touched for the first
/// time is slow.
const ROWS: usize = 1024;

/// Lets `row` have every query's index and its scores with the whole gallery, on all cores.
/// Scores are computed in blocks of queries that need at most `memory` bytes, but for one
/// query at least. `row` may overwrite them. `bar` is moved by every query.
///
/// # Errors
/// Those of `row`, and a gallery without images.
pub fn each_row<T: Send>(
    query: &[f32],
    gallery: &[f32],
    dim: usize,
    memory: usize,
    bar: &ProgressBar,
    row: impl Fn(usize, &mut [f32]) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if dim == 0 || gallery.is_empty() {
        bail!("there is no gallery to rank");
    }
    let (queries, width) = (query.len() / dim, gallery.len() / dim);
    let rows = (memory / (width * size_of::<f32>())).clamp(1, queries.clamp(1, ROWS));
    let mut block = vec![0.0; rows * width];
    let mut results = Vec::with_capacity(queries);
    for (features, start) in query.chunks(rows * dim).zip((0..).step_by(rows)) {
        let count = features.len() / dim;
        let block = &mut block[..count * width];
        product::scores(features, gallery, dim, block)?;
        let found: Result<Vec<T>> = (block.par_chunks_exact_mut(width).enumerate())
            .map(|(index, scores)| row(start + index, scores))
            .collect();
        results.extend(found?);
        bar.inc(count as u64);
    }
    Ok(results)
}
