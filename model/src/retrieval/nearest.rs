//! The few highest of many scores.

use pulp::{Arch, NullaryFnOnce};

use super::Neighbours;

/// Scores that are looked at together: mostly none of them is high enough.
const CHUNK: usize = 64;

/// Indices of the `count` highest scores, the highest first; of equal scores the one with
/// the lower index comes first. Fewer where there are fewer.
pub fn nearest(scores: &[f32], count: usize) -> Vec<u32> {
    if count == 0 {
        return Vec::new();
    }
    let found = Arch::new().dispatch(Scan { scores, count });
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

/// Looks for the `count` highest, at least one. A type and no closure: a compiler may leave
/// those out of the function that has the wider instructions.
struct Scan<'a> {
    scores: &'a [f32],
    count: usize,
}

impl NullaryFnOnce for Scan<'_> {
    type Output = Vec<(f32, u32)>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { scores, count } = self;
        let mut found: Vec<(f32, u32)> = Vec::with_capacity(count.min(scores.len()) + 1);
        for (chunk, start) in scores.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
            let (full, lowest) = match found.get(count - 1) {
                Some(&(score, _)) => (true, score),
                None => (false, f32::NEG_INFINITY),
            };
            let high = |any: bool, &score: &f32| any | (score > lowest);
            if full && !chunk.iter().fold(false, high) {
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
        found
    }
}
