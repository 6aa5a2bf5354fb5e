//! k-reciprocal re-ranking (Zhong, Zheng, Cao, Li, "Re-ranking person re-identification with
//! k-reciprocal encoding", CVPR 2017), computed sparsely: what the published program keeps in
//! three dense matrices over all pairs are here some dozen numbers an image.

use super::rank::dot;

/// Settings of the re-ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rerank {
    /// Neighbours among which reciprocal ones are looked for.
    pub k1: usize,
    /// Neighbours whose encodings are averaged.
    pub k2: usize,
    /// Share of the original distance in the final one, 0 to 1.
    pub lambda: f32,
}

impl Default for Rerank {
    /// The settings of the original paper.
    fn default() -> Self {
        Self {
            k1: 20,
            k2: 6,
            lambda: 0.3,
        }
    }
}

impl Rerank {
    /// How many neighbours of every image are needed.
    pub fn depth(&self) -> usize {
        (self.k1 + 1).max(self.k2)
    }
}

/// An image's neighbours among all images, queries first, then the gallery.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The nearest ones, itself among them, nearest first: [`Rerank::depth`] of them, or all.
    pub nearest: Vec<u32>,
    /// Lowest cosine similarity to any image.
    pub lowest: f32,
}

/// Numbers that are not zero, by ascending column.
type Sparse = Vec<(u32, f32)>;

/// Computes one value for every index below a number: one after the other, or on all cores.
pub type Each<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) -> Sparse + Sync)) -> Vec<Sparse>;

/// Everything that the final distances need besides the scores.
pub struct Reranked {
    queries: usize,
    lambda: f32,
    /// Squared distance of every query to the image farthest from it.
    farthest: Vec<f32>,
    /// Encodings of the queries.
    rows: Vec<Sparse>,
    /// Encodings of the gallery, column by column.
    columns: Vec<Sparse>,
}

impl Reranked {
    /// Encodes every image by its reciprocal neighbours. `features` are the L2-normalised
    /// embeddings `[queries + gallery, dim]`, `neighbours` one for each.
    pub fn new(
        features: &[f32],
        dim: usize,
        queries: usize,
        neighbours: &[Neighbours],
        ask: Rerank,
        each: Each,
    ) -> Self {
        let images = Images {
            features,
            dim,
            neighbours,
        };
        let count = neighbours.len();
        let encoded = each(count, &|image| images.encode(image, ask.k1));
        let mut rows = match ask.k2 {
            0 | 1 => encoded,
            k2 => each(count, &|image| mean(&encoded, images.first(image, k2))),
        };
        let mut columns = vec![Sparse::new(); count];
        for (image, row) in (0..).zip(&rows[queries..]) {
            for &(column, value) in row {
                columns[column as usize].push((image, value));
            }
        }
        rows.truncate(queries);
        Self {
            queries,
            lambda: ask.lambda,
            farthest: (0..queries).map(|query| images.farthest(query)).collect(),
            rows,
            columns,
        }
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.queries
    }

    /// Turns a query's cosine similarities to the gallery into negated final distances, so
    /// that the highest is still the best: λ of the squared distance over the largest one,
    /// 1 - λ of the Jaccard distance of the encodings (Equations 9, 10 and 12 of that paper).
    pub fn adjust(&self, query: usize, scores: &mut [f32]) {
        let mut shared = vec![0.0_f32; scores.len()];
        for &(column, value) in &self.rows[query] {
            for &(image, other) in &self.columns[column as usize] {
                shared[image as usize] += value.min(other);
            }
        }
        let farthest = self.farthest[query];
        for (score, shared) in scores.iter_mut().zip(shared) {
            let jaccard = 1.0 - shared / (2.0 - shared);
            let original = (2.0 - 2.0 * *score) / farthest;
            *score = -(jaccard * (1.0 - self.lambda) + original * self.lambda);
        }
    }
}

struct Images<'a> {
    features: &'a [f32],
    dim: usize,
    neighbours: &'a [Neighbours],
}

impl Images<'_> {
    /// The `count` nearest of an image, itself among them.
    fn first(&self, image: usize, count: usize) -> &[u32] {
        let nearest = &self.neighbours[image].nearest;
        &nearest[..count.min(nearest.len())]
    }

    /// Squared distance to the farthest image; 1 where all images are the same.
    fn farthest(&self, image: usize) -> f32 {
        let farthest = 2.0 - 2.0 * self.neighbours[image].lowest;
        if farthest > 0.0 { farthest } else { 1.0 }
    }

    /// Neighbours that have the image among theirs.
    fn reciprocal(&self, image: usize, k: usize) -> Vec<u32> {
        let mutual = |&&other: &&u32| (self.first(other as usize, k + 1)).contains(&(image as u32));
        self.first(image, k + 1)
            .iter()
            .filter(mutual)
            .copied()
            .collect()
    }

    /// Weights of the image's reciprocal neighbours, which sum to 1 (Equations 4, 5 and 7).
    fn encode(&self, image: usize, k1: usize) -> Sparse {
        let near = self.reciprocal(image, k1);
        // As NumPy rounds: halves go to the even number.
        let half = (k1 as f64 / 2.0).round_ties_even() as usize;
        let mut all = near.clone();
        for &candidate in &near {
            let theirs = self.reciprocal(candidate as usize, half);
            let common = theirs.iter().filter(|other| near.contains(other)).count();
            if 3 * common > 2 * theirs.len() {
                all.extend(theirs);
            }
        }
        all.sort_unstable();
        all.dedup();
        let row = |image: usize| &self.features[image * self.dim..(image + 1) * self.dim];
        let farthest = self.farthest(image);
        let mut sum = 0.0;
        let mut weights: Sparse = Vec::with_capacity(all.len());
        for other in all {
            let squared = 2.0 - 2.0 * dot(row(image), row(other as usize));
            let weight = (-squared / farthest).exp();
            sum += weight;
            weights.push((other, weight));
        }
        for (_, weight) in &mut weights {
            *weight /= sum;
        }
        weights
    }
}

/// The mean of some rows.
fn mean(rows: &[Sparse], chosen: &[u32]) -> Sparse {
    let mut all: Sparse = (chosen.iter())
        .flat_map(|&row| rows[row as usize].iter().copied())
        .collect();
    all.sort_by_key(|&(column, _)| column);
    let mut sums = Sparse::with_capacity(all.len());
    for (column, value) in all {
        match sums.last_mut() {
            Some((last, sum)) if *last == column => *sum += value,
            _ => sums.push((column, value)),
        }
    }
    for (_, sum) in &mut sums {
        *sum /= chosen.len() as f32;
    }
    sums
}
