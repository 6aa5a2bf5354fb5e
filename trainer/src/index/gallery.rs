//! Searches an index.

mod cameras;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::best::Best;
use super::codes::{Hyperplanes, LANES};
use super::folder;
use super::manifest::Manifest;
use super::rows::Rows;
use super::vectors::Stored;

/// Rows whose embeddings a search looks at, unless told.
pub const CANDIDATES: usize = 2048;

/// How to look for the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// At every code, then at the embeddings of so many rows.
    Codes(usize),
    /// At every embedding.
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

/// A cosine similarity, and the segment and number of its row.
type Scored = (f32, (usize, usize));

/// Equal scores stand in the order of insertion.
fn better(a: &Scored, b: &Scored) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// Leaves the best, in any order.
fn keep_best(all: &mut Vec<Scored>, top: usize) {
    if (1..all.len()).contains(&top) {
        all.select_nth_unstable_by(top, better);
        all.truncate(top);
    }
}

/// An index open for searches; its embeddings stay on disk and are read where a search goes.
pub struct Gallery {
    folder: PathBuf,
    manifest: Manifest,
    hyperplanes: Hyperplanes,
    segments: Vec<(Stored, Rows)>,
}

impl Gallery {
    /// Opens an index. With `verify` every file is read once and compared with its checksum;
    /// without, only sizes are compared.
    ///
    /// # Errors
    /// A folder that is no index, missing or damaged files.
    pub fn open(folder: &Path, verify: bool) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let Some(hyperplanes) = folder::read_hyperplanes(folder, &manifest)? else {
            bail!(
                "{} has no rows; add some with trainer index",
                folder.display()
            );
        };
        let mut segments = Vec::new();
        for segment in &manifest.segments {
            folder::check(folder, &segment.vectors, verify)?;
            let rows = folder::read_list(folder, segment)?;
            let path = folder.join(&segment.vectors.file);
            let stored = Stored::open(&path, manifest.width)?;
            if stored.rows != rows.len() {
                bail!(
                    "{} has {} rows, expected {}; build the index anew",
                    path.display(),
                    stored.rows,
                    rows.len()
                );
            }
            segments.push((stored, rows));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            hyperplanes,
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
        let query = self.checked(query)?;
        let all = match how {
            Search::Codes(candidates) => self.of_candidates(&query, candidates.max(top))?,
            Search::Exact => self.of_all(&query),
        };
        Ok(self.found(all, top))
    }

    /// A query, L2-normalised.
    fn checked(&self, query: &[f32]) -> Result<Vec<f32>> {
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
        let norm = query.iter().map(|v| v * v).sum::<f32>().sqrt();
        let scaled = query.iter().map(|v| v / norm.max(f32::MIN_POSITIVE));
        Ok(scaled.collect())
    }

    /// The best of some rows, the best first.
    fn found(&self, mut all: Vec<Scored>, top: usize) -> Vec<Found> {
        keep_best(&mut all, top);
        all.sort_unstable_by(better);
        let found = all
            .into_iter()
            .take(top)
            .map(|(score, (number, row))| Found {
                score,
                path: self.segments[number].1.path(row),
            });
        found.collect()
    }

    /// All rows that count.
    fn of_all(&self, query: &[f32]) -> Vec<Scored> {
        let mut all = Vec::new();
        for (segment, (stored, rows)) in self.segments.iter().enumerate() {
            let counting = (0..rows.len()).filter(|&row| rows.counts(row));
            let scores = stored.scores(query, counting.clone());
            let places = counting.map(|row| (segment, row));
            all.extend(scores.into_iter().zip(places));
        }
        all
    }

    /// The rows whose codes are nearest to a query.
    fn of_candidates(&self, query: &[f32], count: usize) -> Result<Vec<Scored>> {
        let mut best = Best::new(count.max(1));
        let code = self.hyperplanes.query(query)?;
        for (number, (stored, rows)) in self.segments.iter().enumerate() {
            code.scan(stored.codes(), best.at_least, |group, weights| {
                for (row, &weight) in (group * LANES..rows.len()).zip(weights) {
                    if rows.counts(row) {
                        best.offer(weight, number, row);
                    }
                }
                best.at_least
            });
        }
        let mut found = Vec::with_capacity(count);
        for rows in best.rows().chunk_by(|a, b| a.0 == b.0) {
            let stored = &self.segments[rows[0].0].0;
            let scores = stored.scores(query, rows.iter().map(|&(_, row)| row));
            found.extend(scores.into_iter().zip(rows.iter().copied()));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Builder;
    use crate::random;

    #[test]
    fn queries_that_cannot_be_compared_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut builder = Builder::open(folder.path(), Some(2), None, 8).expect("an index");
        let paths = ["right", "up"].map(str::to_string);
        builder.add(&paths, &[2.0, 0.0, 0.0, 1.0]).expect("rows");
        builder.save().expect("a save");
        let gallery = Gallery::open(folder.path(), true).expect("a gallery");
        for how in [Search::Codes(8), Search::Exact] {
            let found = gallery.search(&[0.6, 0.8], 5, how).expect("rows");
            let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
            assert_eq!(paths, ["up", "right"]);
            assert!((found[0].score - 0.8).abs() < 1e-3);
            for query in [&[f32::NAN, 1.0][..], &[f32::INFINITY, 1.0], &[1.0]] {
                assert!(gallery.search(query, 5, how).is_err(), "{query:?}");
            }
        }
    }

    #[test]
    fn codes_lead_to_the_rows_that_embeddings_find() {
        const WIDTH: usize = 48;
        const IMAGES: usize = 5;
        let folder = tempfile::tempdir().expect("a folder");
        let mut builder = Builder::open(folder.path(), Some(WIDTH), None, 1500).expect("an index");
        let mut rng = random::stream(1, "gallery", 0);
        // All embeddings lean to one side, as those of a network do.
        let mut draw = |scale: f32, to: &[f32]| -> Vec<f32> {
            let drawn = random::normals(&mut rng, WIDTH);
            (to.iter().zip(drawn)).map(|(v, d)| v + scale * d).collect()
        };
        let people: Vec<Vec<f32>> = (0..800).map(|_| draw(1.0, &[2.0; WIDTH])).collect();
        for image in 0..IMAGES {
            let names: Vec<String> = (0..800).map(|id| format!("{id}/{image}")).collect();
            let rows: Vec<f32> = people.iter().flat_map(|person| draw(0.5, person)).collect();
            builder.add(&names, &rows).expect("rows");
        }
        builder.remove("7/0").expect("a row");
        builder.save().expect("a save");
        let gallery = Gallery::open(folder.path(), true).expect("a gallery");
        let (mut hits, mut same) = (0, 0);
        for (id, person) in people.iter().enumerate() {
            let query = draw(0.5, person);
            let near = gallery
                .search(&query, IMAGES, Search::Codes(80))
                .expect("rows");
            let exact = gallery.search(&query, IMAGES, Search::Exact).expect("rows");
            assert!(near.len() == IMAGES && near.iter().all(|found| found.path != "7/0"));
            hits += exact.iter().filter(|found| near.contains(found)).count();
            same += (exact.iter())
                .filter(|found| found.path.starts_with(&format!("{id}/")))
                .count();
        }
        let all = (people.len() * IMAGES) as f64;
        assert!(
            same as f64 / all > 0.9,
            "{same} of {all} show the same person"
        );
        assert!(hits as f64 / all > 0.99, "{hits} of {all} were found");
    }
}
