//! Sums over a batch in parts that do not depend on the machine's cores.

use rayon::prelude::*;

/// Parts of a batch.
const PARTS: usize = 16;

/// How many of so many rows are a part.
pub(super) fn rows_of_part(rows: usize) -> usize {
    rows.div_ceil(PARTS).max(1)
}

/// Sum of the `width` numbers that `add` adds to zeros for each part of a batch's images and
/// gradients, of so many numbers each.
pub(super) fn sum_parts(
    images: &[f32],
    grads: &[f32],
    [taken, given]: [usize; 2],
    width: usize,
    add: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let part = rows_of_part(images.len() / taken);
    let parts = images.par_chunks(part * taken);
    let parts = parts.zip(grads.par_chunks(part * given));
    let sums: Vec<Vec<f32>> = parts
        .map(|(images, grads)| {
            let mut sum = vec![0.0; width];
            add(images, grads, &mut sum);
            sum
        })
        .collect();
    sum_rows(sums.iter().map(Vec::as_slice), width)
}

/// Sum of all rows of `width` numbers, part by part.
pub(super) fn sum_all(values: &[f32], width: usize) -> Vec<f32> {
    let part = rows_of_part(values.len() / width) * width;
    let parts = values.par_chunks(part);
    let sums: Vec<Vec<f32>> = parts
        .map(|part| sum_rows(part.chunks(width), width))
        .collect();
    sum_rows(sums.iter().map(Vec::as_slice), width)
}

/// Sum of rows of `width` numbers, which may cancel: gradients of biases before a batch norm do.
pub(super) fn sum_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; width];
    for row in rows {
        (sum.iter_mut().zip(row)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    sum.into_iter().map(|sum| sum as f32).collect()
}
