//! Position embeddings for another grid.

/// Resizes position embeddings `[1 + from.0 * from.1, dim]` (class position
/// first, then the grid row by row) to the grid `to`: bilinear, half-pixel
/// centres (`align_corners = false`), no antialiasing. The class position is copied.
///
/// # Panics
/// If the slice does not hold `1 + from.0 * from.1` rows of `dim`; callers check
/// shapes when they read a file.
pub fn resize_positions(
    positions: &[f32],
    dim: usize,
    from: (usize, usize),
    to: (usize, usize),
) -> Vec<f32> {
    assert_eq!(positions.len(), (1 + from.0 * from.1) * dim);
    let (class, grid) = positions.split_at(dim);
    let rows = taps(from.0, to.0);
    let columns = taps(from.1, to.1);
    let mut out = Vec::with_capacity((1 + to.0 * to.1) * dim);
    out.extend_from_slice(class);
    for &(top, bottom, y) in &rows {
        for &(left, right, x) in &columns {
            let at = |row: usize, column: usize| &grid[(row * from.1 + column) * dim..][..dim];
            let (a, b) = (at(top, left), at(top, right));
            let (c, d) = (at(bottom, left), at(bottom, right));
            out.extend((0..dim).map(|i| {
                (1.0 - y) * ((1.0 - x) * a[i] + x * b[i]) + y * ((1.0 - x) * c[i] + x * d[i])
            }));
        }
    }
    out
}

/// For every output index: the two input indices and the weight of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|i| {
            let centre = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let first = (centre as usize).min(from - 1);
            let second = (first + 1).min(from - 1);
            (first, second, centre - first as f32)
        })
        .collect()
}
