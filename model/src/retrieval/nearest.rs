//! The few highest of many scores.

use pulp::Arch;

use super::Neighbours;

/// Scores that are looked at together: mostly none of them is high enough.
const CHUNK: usize = 64;

/// Indices of the `count` highest scores, the highest first; of equal scores the one with
/// the lower index comes first. Fewer where there are fewer.
pub fn nearest(scores: &[f32], count: usize) -> Vec<u32> {
    let mut found: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    if count > 0 {
        Arch::new().dispatch(|| scan(scores, count, &mut found));
    }
    found.into_iter().map(|(_, index)| index).collect()
}

impl Neighbours {
    /// The `count` nearest by an image's cosine similarities to all images, and the lowest.
    pub fn of(scores: &[f32], count: usize) -> Self {
        Self {
            nearest: nearest(scores, count),
            lowest: Arch::new().dispatch(|| lowest(scores)),
        }
    }
}

/// Sixteen running minima, which a compiler can keep in vector registers.
#[inline(always)]
fn lowest(scores: &[f32]) -> f32 {
    let (chunks, rest) = scores.as_chunks::<16>();
    let mut lowest = [f32::INFINITY; 16];
    for chunk in chunks {
        for (low, &score) in lowest.iter_mut().zip(chunk) {
            *low = if score < *low { score } else { *low };
        }
    }
    (lowest.iter().chain(rest))
        .copied()
        .fold(f32::INFINITY, f32::min)
}

#[inline(always)]
fn scan(scores: &[f32], count: usize, found: &mut Vec<(f32, u32)>) {
    for (chunk, start) in scores.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        let lowest = match found.get(count - 1) {
            Some(&(score, _)) => score,
            None => f32::NEG_INFINITY,
        };
        let full = found.len() == count;
        let high = chunk
            .iter()
            .fold(false, |any, &score| any | (score > lowest));
        if !high && full {
            continue;
        }
        for (index, &score) in (start..).zip(chunk) {
            if found.len() == count && found[count - 1].0 >= score {
                continue;
            }
            let place = found.partition_point(|&(other, _)| other >= score);
            found.insert(place, (score, index));
            found.truncate(count);
        }
    }
}
