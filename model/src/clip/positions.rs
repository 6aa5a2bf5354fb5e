//! Position embeddings: for another grid, and of sines to begin with.

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

/// Position embeddings `[1 + rows * columns, dim]` of sines and cosines, 0 for the class
/// token: the first half of the numbers tells the row, the second the column, in waves from 2 pi
/// to 200 pi patches long (Vaswani et al., 2017, in two dimensions and for small grids). Numbers
/// that `dim / 4` waves leave over are 0.
#[cfg(feature = "training")]
pub(super) fn sine_positions(dim: usize, (rows, columns): (usize, usize)) -> Vec<f32> {
    const LONGEST: f32 = 100.0;
    let waves = dim / 4;
    let mut out = vec![0.0; dim];
    for row in 0..rows {
        for column in 0..columns {
            for place in [row, column] {
                for wave in 0..waves {
                    let angle = place as f32 / LONGEST.powf(wave as f32 / waves as f32);
                    out.extend([angle.sin(), angle.cos()]);
                }
            }
            out.resize(out.len() + dim - 4 * waves, 0.0);
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

#[cfg(all(test, feature = "training"))]
mod tests {
    use super::*;

    #[test]
    fn sines_tell_places_apart_and_neighbours_are_alike() {
        let (dim, rows, columns) = (32, 8, 4);
        let all = sine_positions(dim, (rows, columns));
        let at = |row: usize, column: usize| &all[(1 + row * columns + column) * dim..][..dim];
        let alike = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(all.len(), (1 + rows * columns) * dim);
        assert!(all[..dim].iter().all(|&number| number == 0.0));
        // One wave's sine and cosine have squares of sum 1; there are dim / 2 waves.
        let own = alike(at(3, 2), at(3, 2));
        assert!((own - 16.0).abs() < 1e-4, "{own}");
        let (near, far) = (alike(at(3, 2), at(4, 2)), alike(at(3, 2), at(7, 2)));
        assert!(own > near + 0.1 && near > far + 0.1, "{own} {near} {far}");
        // Rows and columns are told apart.
        assert!(alike(at(1, 2), at(2, 1)) < own - 0.1);
    }
}
