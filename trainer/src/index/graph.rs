//! The graph of one segment.

use std::path::Path;

use anyhow::{Context, Result};
use rayon::prelude::*;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

/// Neighbours of a row in the graph (M of Malkov and Yashunin).
const CONNECTIVITY: usize = 32;

/// Candidates that an insertion keeps (their efConstruction).
const EF_CONSTRUCTION: usize = 100;

/// Candidates that a search keeps unless told (their ef).
pub const EF_SEARCH: usize = 256;

/// A hierarchical navigable small world graph over L2-normalised embeddings, kept in f16.
/// Rows are numbered from 0 in the order of their insertion.
pub struct Graph {
    index: Index,
}

impl Graph {
    /// An empty graph.
    ///
    /// # Errors
    /// A width that the library does not take.
    pub fn new(width: usize) -> Result<Self> {
        let options = IndexOptions {
            dimensions: width,
            metric: MetricKind::IP,
            quantization: ScalarKind::F16,
            connectivity: CONNECTIVITY,
            expansion_add: EF_CONSTRUCTION,
            expansion_search: EF_SEARCH,
            multi: false,
        };
        let index = Index::new(&options).context("cannot make a graph")?;
        Ok(Self { index })
    }

    /// Reads a graph into memory, so that rows can be added. The file must have been checked.
    ///
    /// # Errors
    /// A file that is no graph of this width.
    pub fn load(path: &Path, width: usize) -> Result<Self> {
        let graph = Self::new(width)?;
        let failed = || format!("cannot read {}", path.display());
        graph.index.load(text(path)?).with_context(failed)?;
        Ok(graph)
    }

    /// Maps a graph from disk, to search only. The file must have been checked.
    ///
    /// # Errors
    /// A file that is no graph of this width.
    pub fn view(path: &Path, width: usize) -> Result<Self> {
        let graph = Self::new(width)?;
        let failed = || format!("cannot read {}", path.display());
        graph.index.view(text(path)?).with_context(failed)?;
        Ok(graph)
    }

    /// Rows in the graph.
    pub fn len(&self) -> usize {
        self.index.size()
    }

    /// Numbers of an embedding.
    pub fn width(&self) -> usize {
        self.index.dimensions()
    }

    /// Inserts rows on all cores. They are numbered on from the last.
    ///
    /// # Errors
    /// Too little memory.
    pub fn add(&mut self, rows: &[&[f32]]) -> Result<()> {
        let failed = "cannot add rows to the graph";
        let first = self.len();
        let needed = first + rows.len();
        if needed > self.index.capacity() {
            let capacity = needed.max(2 * self.index.capacity());
            let threads = rayon::current_num_threads();
            (self.index.reserve_capacity_and_threads(capacity, threads)).context(failed)?;
        }
        (rows.par_iter().enumerate())
            .try_for_each(|(row, values)| self.index.add::<f32>((first + row) as u64, values))
            .context(failed)
    }

    /// Writes the graph; a file that exists is overwritten.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = || format!("cannot write {}", path.display());
        self.index.save(text(path)?).with_context(failed)
    }

    /// The `count` rows most alike with their cosine similarities, the best first, of those
    /// that are `wanted`. With `ef` candidates along the graph, or by looking at every row.
    ///
    /// # Errors
    /// A query of another width.
    pub fn search(
        &self,
        query: &[f32],
        count: usize,
        ef: Option<usize>,
        unwanted: &[u64],
    ) -> Result<Vec<(f32, u64)>> {
        let wanted = |row: u64| unwanted.binary_search(&row).is_err();
        let found = match ef {
            None => {
                let count = (count + unwanted.len()).min(self.len());
                self.index.exact_search(query, count)
            }
            Some(ef) => {
                self.index.change_expansion_search(ef.max(count));
                let count = count.min(self.len());
                match unwanted {
                    [] => self.index.search(query, count),
                    _ => self.index.filtered_search(query, count, wanted),
                }
            }
        };
        let found = found.context("cannot search the graph")?;
        // The library's distance is 1 less the inner product.
        let hits = (found.distances.into_iter().zip(found.keys))
            .filter(|&(_, row)| wanted(row))
            .map(|(distance, row)| (1.0 - distance, row))
            .take(count);
        Ok(hits.collect())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is no UTF-8; rename the folder", path.display()))
}
