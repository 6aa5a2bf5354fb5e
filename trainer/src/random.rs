//! Named random streams.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use sha2::{Digest, Sha256};

/// The stream of one consumer at one index (a step, an epoch, an image), derived
/// from the run's seed: the order of consumers never changes what one of them draws.
pub fn stream(seed: u64, consumer: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(consumer.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// `count` draws of the standard normal distribution.
pub fn normals(rng: &mut impl Rng, count: usize) -> Vec<f32> {
    rng.sample_iter(StandardNormal).take(count).collect()
}
