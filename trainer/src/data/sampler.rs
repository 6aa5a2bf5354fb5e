//! P x K sampling.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::config::SamplerConfig;

/// The batches of an epoch, as indices into `labels` (one label per image, below
/// `identities`). Every identity's images are shuffled and cut into groups of K;
/// an identity with fewer than K is drawn with replacement to K, a remainder below
/// K is dropped. A batch takes one group from each of P random identities that have
/// groups left; the epoch ends when fewer than P identities have any.
pub fn epoch_batches(
    labels: &[usize],
    identities: usize,
    config: &SamplerConfig,
    rng: &mut impl Rng,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<Vec<usize>>> = vec![Vec::new(); identities];
    let mut images: Vec<Vec<usize>> = vec![Vec::new(); identities];
    for (image, &label) in labels.iter().enumerate() {
        images[label].push(image);
    }
    for (own, groups) in images.iter_mut().zip(&mut groups) {
        if own.is_empty() {
            continue;
        }
        if own.len() < config.images {
            let drawn = (0..config.images).filter_map(|_| own.choose(rng).copied());
            *own = drawn.collect();
        }
        own.shuffle(rng);
        groups.extend(own.chunks_exact(config.images).map(<[usize]>::to_vec));
    }
    let mut left: Vec<usize> = (0..identities).filter(|&i| !groups[i].is_empty()).collect();
    let mut batches = Vec::new();
    while left.len() >= config.identities {
        let (chosen, _) = left.partial_shuffle(rng, config.identities);
        let batch = (chosen.iter())
            .filter_map(|&identity| groups[identity].pop())
            .flatten()
            .collect();
        batches.push(batch);
        left.retain(|&identity| !groups[identity].is_empty());
        // A fixed order before every draw keeps the draw a function of the stream.
        left.sort_unstable();
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use std::collections::BTreeSet;

    #[test]
    fn batches_hold_p_identities_of_k_images() {
        // Identities of 9, 2 and 4 images, then twenty of 4.
        let mut labels = vec![0; 9];
        labels.extend([1, 1, 2, 2, 2, 2]);
        labels.extend((3..23).flat_map(|label| [label; 4]));
        let config = SamplerConfig {
            identities: 8,
            images: 4,
        };
        let draw = |index| epoch_batches(&labels, 23, &config, &mut random::stream(1, "t", index));
        let batches = draw(0);
        // 2 + 1 + 1 + 20 groups of 4 give three batches of 8, or two if the identity
        // with two groups is left to the end.
        assert!((2..=3).contains(&batches.len()));
        let mut once = BTreeSet::new();
        for batch in &batches {
            assert_eq!(batch.len(), 32);
            let identities: BTreeSet<usize> = batch.iter().map(|&i| labels[i]).collect();
            assert_eq!(identities.len(), 8);
            for &image in batch.iter().filter(|&&i| labels[i] != 1) {
                assert!(once.insert(image), "image {image} twice in an epoch");
            }
        }
        assert_eq!(batches, draw(0));
        assert_ne!(batches, draw(1));
    }
}
