//! Builds and updates an index.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::folder::{self, GRAPH, LIST};
use super::graph::Graph;
use super::manifest::{MANIFEST, Manifest, Segment};
use super::rows::{Rows, digest, path_digest};
use crate::files;

/// What became of the rows that were given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Paths that were not in the index.
    pub added: usize,
    /// Paths whose embedding has changed.
    pub replaced: usize,
    /// Paths that were there with the same embedding.
    pub unchanged: usize,
}

/// A row of the index: its segment and its number there.
type Place = (usize, usize);

/// An index that is being written. Rows count once they are saved.
pub struct Builder {
    folder: PathBuf,
    /// What is saved.
    manifest: Manifest,
    lists: Vec<List>,
    /// The graph of the last segment, in memory once rows were added.
    graph: Option<Graph>,
    places: HashMap<u128, Place>,
    /// Rows from here on were added by this builder.
    first_new: Place,
    segment_rows: usize,
    /// What became of the rows that were given.
    pub counts: Counts,
    _lock: File,
}

/// The rows of a segment, and whether they differ from what is saved.
struct List {
    rows: Rows,
    changed: bool,
}

impl Builder {
    /// Opens an index, or begins one of embeddings of `width` numbers. `model` is the
    /// SHA-256 of the weights that make them, where known. A segment has `segment_rows`
    /// rows at most: one alone has to fit into memory.
    ///
    /// # Errors
    /// A folder that holds something else or is being written, damaged files, embeddings
    /// of another width or model.
    pub fn open(
        folder: &Path,
        width: Option<usize>,
        model: Option<&str>,
        segment_rows: usize,
    ) -> Result<Self> {
        let lock = folder::lock(folder)?;
        let manifest = match (folder.join(MANIFEST).is_file(), width) {
            (false, Some(width)) => Manifest {
                width,
                model: model.map(str::to_string),
                ..Manifest::default()
            },
            _ => Manifest::read(folder)?,
        };
        folder::sweep(folder, &manifest)?;
        fits(&manifest, folder, width, model)?;
        let (mut lists, mut places) = (Vec::new(), HashMap::new());
        for (number, segment) in manifest.segments.iter().enumerate() {
            let rows = folder::read_list(folder, segment)?;
            folder::check(folder, &segment.graph, false)?;
            for row in 0..rows.len() {
                if rows.removed().binary_search(&(row as u64)).is_err() {
                    places.insert(path_digest(&rows.path(row)), (number, row));
                }
            }
            lists.push(List {
                rows,
                changed: false,
            });
        }
        let first_new = match lists.last() {
            Some(list) => (lists.len() - 1, list.rows.len()),
            None => (0, 0),
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            lists,
            graph: None,
            places,
            first_new,
            segment_rows,
            counts: Counts::default(),
            _lock: lock,
        })
    }

    /// What is saved.
    pub fn saved(&self) -> &Manifest {
        &self.manifest
    }

    /// Adds rows: new paths are added, those whose embedding has changed are replaced, the
    /// others left. Embeddings are row-major and are L2-normalised here.
    ///
    /// # Errors
    /// Embeddings that are not finite or zero, a path that comes twice with different
    /// embeddings, a full disk, too little memory.
    pub fn add(&mut self, paths: &[String], embeddings: &[f32]) -> Result<()> {
        let mut fresh = Vec::new();
        for (path, embedding) in paths.iter().zip(embeddings.chunks(self.manifest.width)) {
            let (name, sum) = (path_digest(path), digest(embedding));
            let Some(&place) = self.places.get(&name) else {
                self.counts.added += 1;
                fresh.push((path, embedding, sum));
                continue;
            };
            if self.lists[place.0].rows.digest(place.1) == sum {
                self.counts.unchanged += 1;
                continue;
            }
            if place >= self.first_new {
                bail!("{path} comes twice with different embeddings; leave one of them out");
            }
            self.counts.replaced += 1;
            self.forget(name, place);
            fresh.push((path, embedding, sum));
        }
        let mut rows = Vec::with_capacity(fresh.len());
        for (path, embedding, _) in &fresh {
            let norm = embedding.iter().map(|v| v * v).sum::<f32>().sqrt();
            if !norm.is_finite() || norm == 0.0 {
                bail!("the embedding of {path} is zero or not finite; write it again");
            }
            rows.push(embedding.iter().map(|v| v / norm).collect::<Vec<f32>>());
        }
        let mut start = 0;
        while start < rows.len() {
            self.make_room()?;
            let full = self.lists.last().map_or(0, |list| list.rows.len());
            let end = rows.len().min(start + self.segment_rows - full);
            self.insert(&fresh, &rows, start..end)?;
            start = end;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        fresh: &[(&String, &[f32], u64)],
        rows: &[Vec<f32>],
        range: Range<usize>,
    ) -> Result<()> {
        let segment = self.lists.len() - 1;
        let (Some(graph), Some(list)) = (&mut self.graph, self.lists.last_mut()) else {
            return Ok(());
        };
        let rows: Vec<&[f32]> = rows[range.clone()].iter().map(Vec::as_slice).collect();
        graph.add(&rows)?;
        for &(path, _, sum) in &fresh[range] {
            let place = (segment, list.rows.len());
            if self.places.insert(path_digest(path), place).is_some() {
                bail!("{path} comes twice; leave one of them out");
            }
            list.rows.push(path, sum);
        }
        list.changed = true;
        Ok(())
    }

    /// Takes a path out of the index.
    ///
    /// # Errors
    /// A path that is not in it.
    pub fn remove(&mut self, path: &str) -> Result<()> {
        let name = path_digest(path);
        let Some(&place) = self.places.get(&name) else {
            bail!("{} has no row {path}", self.folder.display());
        };
        self.forget(name, place);
        Ok(())
    }

    fn forget(&mut self, name: u128, (segment, row): Place) {
        self.places.remove(&name);
        self.lists[segment].rows.remove(row);
        self.lists[segment].changed = true;
    }

    /// Sees to a graph in memory with room for a row.
    fn make_room(&mut self) -> Result<()> {
        let last = self.lists.len().checked_sub(1);
        let full = |last: usize| self.lists[last].rows.len() >= self.segment_rows;
        match (last, &self.graph) {
            (Some(last), _) if !full(last) && self.graph.is_some() => return Ok(()),
            (Some(last), None) if !full(last) => {
                let part = &self.manifest.segments[last].graph;
                folder::check(&self.folder, part, true)?;
                let path = self.folder.join(&part.file);
                self.graph = Some(Graph::load(&path, self.manifest.width)?);
                return Ok(());
            }
            (_, Some(_)) => self.save()?,
            _ => (),
        }
        self.graph = Some(Graph::new(self.manifest.width)?);
        self.lists.push(List {
            rows: Rows::default(),
            changed: true,
        });
        Ok(())
    }

    /// Writes what has changed. Up to the moment when the new manifest takes its place,
    /// the index is what it was.
    ///
    /// # Errors
    /// A full disk.
    pub fn save(&mut self) -> Result<()> {
        if self.manifest.saves > 0 && self.lists.iter().all(|list| !list.changed) {
            return Ok(());
        }
        let mut next = self.manifest.clone();
        next.saves += 1;
        for (number, list) in self.lists.iter().enumerate().filter(|(_, l)| l.changed) {
            let name = |ending| format!("{number:04}-{:06}.{ending}", next.saves);
            let path = self.folder.join(name(LIST));
            files::write(&path, &list.rows.to_bytes()?)?;
            let list_part = folder::sealed(&self.folder, name(LIST))?;
            let saved = next.segments.get(number);
            let graph = match (saved, &self.graph) {
                // Only the rows that count have changed.
                (Some(saved), _) if saved.rows == list.rows.len() => saved.graph.clone(),
                (_, Some(graph)) => {
                    graph.save(&self.folder.join(name(GRAPH)))?;
                    folder::sealed(&self.folder, name(GRAPH))?
                }
                (_, None) => bail!("the graph of segment {number} is not in memory"),
            };
            let segment = Segment {
                rows: list.rows.len(),
                removed: list.rows.removed().len(),
                graph,
                list: list_part,
            };
            match next.segments.get_mut(number) {
                Some(saved) => *saved = segment,
                None => next.segments.push(segment),
            }
        }
        next.write(&self.folder)?;
        self.manifest = next;
        for list in &mut self.lists {
            list.changed = false;
        }
        folder::sweep(&self.folder, &self.manifest)
    }
}

/// Refuses embeddings that cannot be compared with those of an index.
fn fits(
    manifest: &Manifest,
    folder: &Path,
    width: Option<usize>,
    model: Option<&str>,
) -> Result<()> {
    if let Some(width) = width.filter(|&width| width != manifest.width) {
        bail!(
            "the embeddings have {width} numbers, those of {} {}; choose another folder",
            folder.display(),
            manifest.width
        );
    }
    match (manifest.model.as_deref(), model) {
        (Some(own), Some(other)) if own != other => bail!(
            "the embeddings come from the model with SHA-256 {other}, those of {} from {own}; choose another folder",
            folder.display()
        ),
        (Some(_), None) if width.is_some() => bail!(
            "the embeddings do not say which model they come from, those of {} do; name it with --model",
            folder.display()
        ),
        _ => Ok(()),
    }
}
