//! The matrix product behind every score.

use anyhow::{Result, ensure};
use gemm::Parallelism;

/// Fills `scores` `[q, g]` with the products of every row of `query` `[q, dim]` and every row
/// of `gallery` `[g, dim]`, all row-major.
///
/// Equal rows of the gallery get equal scores, bit for bit: a score is one chain of fused
/// multiplications and additions, whatever its place in the matrix.
///
/// # Errors
/// Slices whose lengths do not go together.
pub fn scores(query: &[f32], gallery: &[f32], dim: usize, scores: &mut [f32]) -> Result<()> {
    ensure!(dim > 0, "embeddings of no numbers");
    let (q, g) = (query.len() / dim, gallery.len() / dim);
    ensure!(
        query.len() == q * dim && gallery.len() == g * dim && scores.len() == q * g,
        "{} and {} numbers are no embeddings of {dim} with {} scores",
        query.len(),
        gallery.len(),
        scores.len()
    );
    let (row, column) = (dim as isize, g as isize);
    #[allow(unsafe_code)]
    // SAFETY: the lengths were checked to hold q x dim, g x dim and q x g numbers, which is
    // what the strides reach; `scores` is borrowed for this call alone.
    unsafe {
        gemm::gemm(
            q,
            g,
            dim,
            scores.as_mut_ptr(),
            1,
            column,
            false,
            query.as_ptr(),
            1,
            row,
            gallery.as_ptr(),
            row,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
    Ok(())
}
