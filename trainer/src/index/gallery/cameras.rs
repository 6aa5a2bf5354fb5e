//! Searches an index without what cameras do to embeddings.

use anyhow::{Result, bail};
use dcac_model::retrieval::{CameraSums, Cameras, camera_of, cosine_scores};

use super::{Found, Gallery, keep_best};

/// Rows that are in memory at once where all are looked at.
const BLOCK: usize = 4096;

impl Gallery {
    /// The `top` rows most alike to each query, where what cameras do to embeddings is taken out
    /// of all: every row is compared. `cameras` are those of the queries, as far as they are known;
    /// those of the rows are told by the names in their paths.
    ///
    /// # Errors
    /// Those of [`Gallery::search`], and an index without a name that tells a camera.
    pub fn search_normalized(
        &self,
        queries: &[&[f32]],
        cameras: &[Option<u32>],
        top: usize,
    ) -> Result<Vec<Vec<Found>>> {
        let width = self.width();
        let mut asked = Vec::new();
        for query in queries {
            asked.extend(self.checked(query)?);
        }
        let known = self.cameras()?;
        known.normalize(&mut asked, cameras)?;
        let mut best = vec![Vec::new(); cameras.len()];
        self.each_block(|segment, rows, features, cameras| {
            known.normalize(features, cameras)?;
            for (query, best) in asked.chunks_exact(width).zip(&mut best) {
                let scores = cosine_scores(query, features);
                let places = rows.iter().map(|&row| (segment, row));
                best.extend(scores.into_iter().zip(places));
                // No more is kept in memory than may be asked for.
                if best.len() > top.max(BLOCK).saturating_mul(4) {
                    keep_best(best, top);
                }
            }
            Ok(())
        })?;
        Ok(best.into_iter().map(|all| self.found(all, top)).collect())
    }

    /// What cameras do to the embeddings of the rows that count.
    fn cameras(&self) -> Result<Cameras> {
        let (mut sums, mut told) = (CameraSums::new(self.width()), false);
        self.each_block(|_, _, features, cameras| {
            told |= cameras.iter().any(Option::is_some);
            Ok(sums.add(features, cameras)?)
        })?;
        if !told {
            bail!(
                "no path in {} tells a camera; names begin with identity and camera, as 0002_c1_7.jpg",
                self.folder.display()
            );
        }
        Ok(sums.cameras())
    }

    /// Visits the rows that count: their segment and numbers, their embeddings and cameras.
    fn each_block(
        &self,
        mut visit: impl FnMut(usize, &[usize], &mut [f32], &[Option<u32>]) -> Result<()>,
    ) -> Result<()> {
        let mut features = Vec::new();
        for (number, (stored, rows)) in self.segments.iter().enumerate() {
            let counting: Vec<usize> = (0..rows.len()).filter(|&row| rows.counts(row)).collect();
            for block in counting.chunks(BLOCK) {
                features.clear();
                stored.read(block.iter().copied(), self.width(), &mut features);
                let cameras: Vec<Option<u32>> = block
                    .iter()
                    .map(|&row| camera_of(&rows.path(row)))
                    .collect();
                visit(number, block, &mut features, &cameras)?;
            }
        }
        Ok(())
    }
}
