//! Builds and updates an index.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use rayon::prelude::*;

use super::codes::Hyperplanes;
use super::folder::{self, HYPERPLANES, LIST, VECTORS};
use super::manifest::{MANIFEST, Manifest, Segment};
use super::rows::{Rows, digest, path_digest};
use super::vectors::Growing;
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
    /// Known once a row was added.
    hyperplanes: Option<Hyperplanes>,
    lists: Vec<List>,
    /// The embeddings of the last segment, in memory once rows were added.
    vectors: Option<Growing>,
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
            folder::check(folder, &segment.vectors, false)?;
            for row in 0..rows.len() {
                if rows.counts(row) {
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
            hyperplanes: folder::read_hyperplanes(folder, &manifest)?,
            manifest,
            lists,
            vectors: None,
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
        let width = self.manifest.width;
        let sums: Vec<_> = (paths.par_iter().zip(embeddings.par_chunks(width)))
            .map(|(path, embedding)| (path_digest(path), digest(embedding)))
            .collect();
        let (mut fresh, mut rows) = (Vec::new(), Vec::new());
        for ((path, embedding), (name, sum)) in
            (paths.iter().zip(embeddings.chunks(width))).zip(sums)
        {
            match self.places.get(&name) {
                None => self.counts.added += 1,
                Some(&(segment, row)) if self.lists[segment].rows.digest(row) == sum => {
                    self.counts.unchanged += 1;
                    continue;
                }
                Some(&place) if place >= self.first_new => {
                    bail!("{path} comes twice with different embeddings; leave one of them out")
                }
                Some(&place) => {
                    self.counts.replaced += 1;
                    self.forget(name, place);
                }
            }
            let norm = embedding.iter().map(|v| v * v).sum::<f32>().sqrt();
            if !norm.is_finite() || norm == 0.0 {
                bail!("the embedding of {path} is zero or not finite; write it again");
            }
            rows.extend(embedding.iter().map(|v| v / norm));
            fresh.push((path, name, sum));
        }
        let mut start = 0;
        while start < fresh.len() {
            self.make_room()?;
            let full = self.lists.last().map_or(0, |list| list.rows.len());
            let end = fresh.len().min(start + self.segment_rows - full);
            self.insert(&fresh[start..end], &rows[start * width..end * width])?;
            start = end;
        }
        Ok(())
    }

    /// Appends rows, given as path, [`path_digest`] and [`digest`], to the last segment.
    fn insert(&mut self, fresh: &[(&String, u128, u64)], rows: &[f32]) -> Result<()> {
        let segment = self.lists.len() - 1;
        let (Some(vectors), Some(list)) = (&mut self.vectors, self.lists.last_mut()) else {
            return Ok(());
        };
        let hyperplanes = match &mut self.hyperplanes {
            Some(known) => known,
            unknown => unknown.insert(Hyperplanes::through(rows, self.manifest.width)?),
        };
        vectors.add(rows, hyperplanes)?;
        for &(path, name, sum) in fresh {
            let place = (segment, list.rows.len());
            if self.places.insert(name, place).is_some() {
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

    /// Sees to a segment in memory with room for a row.
    fn make_room(&mut self) -> Result<()> {
        let last = self.lists.len().checked_sub(1);
        let full = |last: usize| self.lists[last].rows.len() >= self.segment_rows;
        match (last, &self.vectors) {
            (Some(last), _) if !full(last) && self.vectors.is_some() => return Ok(()),
            (Some(last), None) if !full(last) => {
                let part = &self.manifest.segments[last].vectors;
                folder::check(&self.folder, part, true)?;
                let path = self.folder.join(&part.file);
                self.vectors = Some(Growing::load(&path, self.manifest.width)?);
                return Ok(());
            }
            (_, Some(_)) => self.save()?,
            _ => (),
        }
        self.vectors = Some(Growing::new(self.manifest.width));
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
        if let (None, Some(known)) = (&next.hyperplanes, &self.hyperplanes) {
            let file = format!("{:06}.{HYPERPLANES}", next.saves);
            files::write(&self.folder.join(&file), &known.to_bytes()?)?;
            next.hyperplanes = Some(folder::sealed(&self.folder, file)?);
        }
        for (number, list) in self.lists.iter().enumerate().filter(|(_, l)| l.changed) {
            let name = |ending| format!("{number:04}-{:06}.{ending}", next.saves);
            let path = self.folder.join(name(LIST));
            files::write(&path, &list.rows.to_bytes()?)?;
            let list_part = folder::sealed(&self.folder, name(LIST))?;
            let saved = next.segments.get(number);
            let vectors = match (saved, &self.vectors) {
                // Only the rows that count have changed.
                (Some(saved), _) if saved.rows == list.rows.len() => saved.vectors.clone(),
                (_, Some(vectors)) => {
                    vectors.save(&self.folder.join(name(VECTORS)))?;
                    folder::sealed(&self.folder, name(VECTORS))?
                }
                (_, None) => bail!("the rows of segment {number} are not in memory"),
            };
            let segment = Segment {
                rows: list.rows.len(),
                removed: list.rows.removed().len(),
                vectors,
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
