//! Embeddings as bits, compared with a query many times faster than embeddings are.
//!
//! A bit tells on which side of a hyperplane an embedding lies (Charikar, "Similarity
//! estimation techniques from rounding algorithms", 2002). The query is not made bits: how
//! far it is from a hyperplane, in two bits, weighs whether the two lie on the same side.

use anyhow::{Result, bail};
use pulp::{Arch, NullaryFnOnce};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::random;
use crate::retrieval::scores;

/// Hyperplanes, so bits of a code.
const BITS: usize = 256;
const WORDS: usize = BITS / 64;

/// Rows of a group.
pub const LANES: usize = 8;

/// The codes of [`LANES`] rows: the first words of all, then the second ones, so that one
/// vector register has the same word of every row.
pub type Group = [[u64; LANES]; WORDS];

/// Where codes cut the space.
pub struct Hyperplanes {
    width: usize,
    /// `[BITS, width]`, row-major, of length 1.
    normals: Vec<f32>,
    /// Where each lies along its normal.
    offsets: Vec<f32>,
}

impl Hyperplanes {
    /// Hyperplanes in drawn directions through the mean of `embeddings`, of which there is at
    /// least one.
    ///
    /// # Errors
    /// Embeddings that are not of this width.
    pub fn through(embeddings: &[f32], width: usize) -> Result<Self> {
        let mut mean = vec![0.0; width];
        let rows = (embeddings.len() / width) as f32;
        for row in embeddings.chunks(width) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(sum, v)| *sum += v / rows);
        }
        let normals = directions(width);
        let mut offsets = vec![0.0; BITS];
        scores(&mean, &normals, width, &mut offsets)?;
        Ok(Self {
            width,
            normals,
            offsets,
        })
    }

    /// How far rows `[n, width]` lie from each hyperplane: `[n, BITS]`.
    fn distances(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let mut distances = vec![0.0; rows.len() / self.width * BITS];
        scores(rows, &self.normals, self.width, &mut distances)?;
        for row in distances.chunks_mut(BITS) {
            row.iter_mut()
                .zip(&self.offsets)
                .for_each(|(d, offset)| *d -= offset);
        }
        Ok(distances)
    }

    /// The codes of rows `[n, width]`.
    ///
    /// # Errors
    /// Rows that are not of this width.
    pub fn encode(&self, rows: &[f32]) -> Result<Vec<[u64; WORDS]>> {
        let distances = self.distances(rows)?;
        let side = |distances: &[f32]| words(distances, |distance| distance > 0.0);
        Ok(distances.chunks(BITS).map(side).collect())
    }

    /// A query, ready to be compared with codes.
    ///
    /// # Errors
    /// A query of another width.
    pub fn query(&self, query: &[f32]) -> Result<Query> {
        let distances = self.distances(query)?;
        let squares: f32 = distances.iter().map(|d| d * d).sum();
        // Distances are about normally distributed. From 2.25 deviations on they weigh alike.
        let step = 2.25 / 3.0 * (squares / BITS as f32).sqrt();
        let weight = |distance: f32| (distance.abs() / step).round().min(3.0) as u8;
        Ok(Query {
            other_side: words(&distances, |d| d <= 0.0),
            weigh_one: words(&distances, |d| weight(d) & 1 == 1),
            weigh_two: words(&distances, |d| weight(d) & 2 == 2),
        })
    }

    /// The file of these hyperplanes: safetensors with `normals` and `offsets`.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let [normals, offsets] = [&self.normals, &self.offsets].map(|v| bytemuck::cast_slice(v));
        let normals = TensorView::new(Dtype::F32, vec![BITS, self.width], normals)?;
        let offsets = TensorView::new(Dtype::F32, vec![BITS], offsets)?;
        let tensors = [("normals", normals), ("offsets", offsets)];
        Ok(safetensors::serialize(tensors, None)?)
    }

    /// Reads what [`Hyperplanes::to_bytes`] wrote.
    ///
    /// # Errors
    /// Other bytes, hyperplanes of another width.
    pub fn from_bytes(bytes: &[u8], width: usize) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)?;
        let (normals, offsets) = (file.tensor("normals")?, file.tensor("offsets")?);
        if normals.shape() != [BITS, width] || offsets.shape() != [BITS] {
            bail!("it has {:?}, expected {:?}", normals.shape(), [BITS, width]);
        }
        let numbers = |tensor: TensorView| bytemuck::pod_collect_to_vec(tensor.data());
        Ok(Self {
            width,
            normals: numbers(normals),
            offsets: numbers(offsets),
        })
    }
}

/// Drawn directions `[BITS, width]`. As many as there are axes are at right angles, then as
/// many again are: they tell more than directions that may be close to each other.
fn directions(width: usize) -> Vec<f32> {
    let mut normals: Vec<f32> = Vec::with_capacity(BITS * width);
    let mut rng = random::stream(0, "hyperplanes", width as u64);
    while normals.len() < BITS * width {
        let basis = normals.len() / width / width * width * width;
        let mut next = random::normals(&mut rng, width);
        // A second round takes out what rounding has left.
        for _ in 0..2 {
            for other in normals[basis..].chunks(width) {
                let along: f32 = other.iter().zip(&next).map(|(a, b)| a * b).sum();
                next.iter_mut()
                    .zip(other)
                    .for_each(|(v, o)| *v -= along * o);
            }
        }
        let norm = next.iter().map(|v| v * v).sum::<f32>().sqrt();
        normals.extend(next.iter().map(|v| v / norm));
    }
    normals
}

/// One bit for each number.
fn words(numbers: &[f32], bit: impl Fn(f32) -> bool) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (place, &number) in numbers.iter().enumerate() {
        words[place / 64] |= u64::from(bit(number)) << (place % 64);
    }
    words
}

/// A query, ready to be compared with codes.
pub struct Query {
    /// Where a bit of a code that differs from it is on the query's side.
    other_side: [u64; WORDS],
    /// Weights of the bits: those with an odd one, and those with 2 or 3.
    weigh_one: [u64; WORDS],
    weigh_two: [u64; WORDS],
}

impl Query {
    /// Lets `found` have every group in which a row is on the query's side of hyperplanes
    /// that weigh as much as it last said, with those weights for every row of the group.
    pub fn scan(
        &self,
        groups: &[Group],
        at_least: u64,
        found: impl FnMut(usize, &[u64; LANES]) -> u64,
    ) {
        let scan = Scan {
            query: self,
            groups,
            at_least,
            found,
        };
        #[cfg(target_arch = "x86_64")]
        if let Some(counting) = Counting::try_new() {
            return counting.vectorize(scan);
        }
        Arch::new().dispatch(scan);
    }

    #[inline(always)]
    fn weights(&self, group: &Group) -> [u64; LANES] {
        let mut weights = [0; LANES];
        for (word, codes) in group.iter().enumerate() {
            for (weight, code) in weights.iter_mut().zip(codes) {
                let same_side = code ^ self.other_side[word];
                let one = u64::from((same_side & self.weigh_one[word]).count_ones());
                let two = u64::from((same_side & self.weigh_two[word]).count_ones());
                *weight += one + 2 * two;
            }
        }
        weights
    }
}

#[cfg(target_arch = "x86_64")]
pulp::simd_type! {
    /// Counts the bits of eight words at once; a set of instructions that no level of pulp
    /// has.
    struct Counting {
        avx512f: "avx512f",
        avx512vpopcntdq: "avx512vpopcntdq",
    }
}

/// A type and no closure: a compiler may leave those out of the function that has the wider
/// instructions.
struct Scan<'a, F> {
    query: &'a Query,
    groups: &'a [Group],
    at_least: u64,
    found: F,
}

impl<F: FnMut(usize, &[u64; LANES]) -> u64> NullaryFnOnce for Scan<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        for (number, group) in self.groups.iter().enumerate() {
            let weights = self.query.weights(group);
            if (weights.iter()).fold(false, |any, &weight| any | (weight >= self.at_least)) {
                self.at_least = (self.found)(number, &weights);
            }
        }
    }
}
