//! Named random streams and the few draws the generator needs.
//!
//! Every consumer of randomness owns a stream addressed by (seed, domain, purpose, identity,
//! camera, frame). Drawing order and thread count therefore never change a picture.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An inclusive interval that a quantity is drawn from.
pub type Span = (f32, f32);

/// One random stream.
pub struct Stream(ChaCha8Rng);

/// FNV-1a, 64 bits: short names to well-spread words.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The source of all streams of one drawing run.
#[derive(Clone, Copy)]
pub struct Streams {
    seed: u64,
    domain: u64,
}

impl Streams {
    /// Streams of the domain called `domain` under `seed`.
    pub fn new(seed: u64, domain: &str) -> Self {
        Self {
            seed,
            domain: fnv1a(domain),
        }
    }

    /// The stream that belongs to `purpose` and the three numbers.
    pub fn stream(&self, purpose: &str, identity: u64, camera: u32, frame: u32) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&(self.domain ^ fnv1a(purpose).rotate_left(17)).to_le_bytes());
        key[16..24].copy_from_slice(&identity.to_le_bytes());
        key[24..28].copy_from_slice(&camera.to_le_bytes());
        key[28..].copy_from_slice(&frame.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }
}

impl Stream {
    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        self.0.random::<f32>()
    }

    /// Uniform in the span.
    pub fn within(&mut self, span: Span) -> f32 {
        span.0 + (span.1 - span.0) * self.unit()
    }

    /// Roughly normal with mean 0 and deviation 1, bounded by +-3 (sum of uniforms).
    pub fn bell(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.unit()).sum();
        ((sum - 2.0) * 1.732).clamp(-3.0, 3.0)
    }

    /// Triangular with mean 0 and deviation 1: cheap noise for many pixels.
    pub fn tent(&mut self) -> f32 {
        (self.unit() + self.unit() - 1.0) * 2.449_5
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Either -1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Uniform in 0..n; 0 for n = 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// 32 random bits, to seed texture noise.
    pub fn bits(&mut self) -> u32 {
        self.0.random()
    }

    /// One item of a non-empty list, each as likely as the others.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One item of a non-empty list of (item, weight).
    pub fn weighted<T: Copy>(&mut self, items: &[(T, f32)]) -> T {
        let total: f32 = items.iter().map(|item| item.1).sum();
        let mut left = self.unit() * total;
        for &(item, weight) in items {
            left -= weight;
            if left < 0.0 {
                return item;
            }
        }
        items[items.len() - 1].0
    }

    /// Shuffles in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
