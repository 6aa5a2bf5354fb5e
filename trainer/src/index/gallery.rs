//! Searches an index.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::folder;
use super::graph::Graph;
use super::manifest::Manifest;
use super::rows::Rows;

/// How to look for the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Along the graphs with so many candidates.
    Graph(usize),
    /// At every row.
    Exact,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Cosine similarity, -1 to 1.
    pub score: f32,
    /// Path of the row.
    pub path: String,
}

/// An index open for searches; its graphs stay on disk and are read where a search goes.
pub struct Gallery {
    folder: PathBuf,
    manifest: Manifest,
    segments: Vec<(Graph, Rows)>,
}

impl Gallery {
    /// Opens an index. With `verify` every file is read once and compared with its checksum;
    /// without, only sizes are compared.
    ///
    /// # Errors
    /// A folder that is no index, missing or damaged files.
    pub fn open(folder: &Path, verify: bool) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let mut segments = Vec::new();
        for segment in &manifest.segments {
            folder::check(folder, &segment.graph, verify)?;
            let rows = folder::read_list(folder, segment)?;
            let path = folder.join(&segment.graph.file);
            let graph = Graph::view(&path, manifest.width)?;
            if graph.len() != rows.len() || graph.width() != manifest.width {
                bail!(
                    "{} has {} rows of {} numbers, expected {} of {}; build the index anew",
                    path.display(),
                    graph.len(),
                    graph.width(),
                    rows.len(),
                    manifest.width
                );
            }
            segments.push((graph, rows));
        }
        if manifest.rows() == 0 {
            bail!(
                "{} has no rows; add some with trainer index",
                folder.display()
            );
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            segments,
        })
    }

    /// SHA-256 of the weights that made the embeddings, where known.
    pub fn model(&self) -> Option<&str> {
        self.manifest.model.as_deref()
    }

    /// Numbers of an embedding.
    pub fn width(&self) -> usize {
        self.manifest.width
    }

    /// The `top` rows most alike, the best first. The query is L2-normalised.
    ///
    /// # Errors
    /// A query of another width or with numbers that are not finite.
    pub fn search(&self, query: &[f32], top: usize, how: Search) -> Result<Vec<Found>> {
        if query.len() != self.width() {
            bail!(
                "the query has {} numbers, the rows of {} {}; name the model that the index was built with",
                query.len(),
                self.folder.display(),
                self.width()
            );
        }
        if query.iter().any(|value| !value.is_finite()) {
            bail!("the query's embedding is not finite");
        }
        let ef = match how {
            Search::Graph(ef) => Some(ef),
            Search::Exact => None,
        };
        let mut all = Vec::new();
        for (number, (graph, rows)) in self.segments.iter().enumerate() {
            let hits = graph.search(query, top, ef, rows.removed())?;
            all.extend(hits.into_iter().map(|(score, row)| (score, number, row)));
        }
        // Equal scores stand in the order of insertion.
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let found = all.into_iter().take(top).map(|(score, number, row)| Found {
            score,
            path: self.segments[number].1.path(row as usize),
        });
        Ok(found.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Builder;

    #[test]
    fn queries_that_cannot_be_compared_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut builder = Builder::open(folder.path(), Some(2), None, 8).expect("an index");
        let paths = ["right", "up"].map(str::to_string);
        builder.add(&paths, &[2.0, 0.0, 0.0, 1.0]).expect("rows");
        builder.save().expect("a save");
        let gallery = Gallery::open(folder.path(), true).expect("a gallery");
        for how in [Search::Graph(8), Search::Exact] {
            let found = gallery.search(&[0.6, 0.8], 5, how).expect("rows");
            let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
            assert_eq!(paths, ["up", "right"]);
            assert!((found[0].score - 0.8).abs() < 1e-3);
            for query in [&[f32::NAN, 1.0][..], &[f32::INFINITY, 1.0], &[1.0]] {
                assert!(gallery.search(query, 5, how).is_err(), "{query:?}");
            }
        }
    }
}
