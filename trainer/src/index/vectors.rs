//! The embeddings of a segment and their codes.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use memmap2::Mmap;
use pulp::{Arch, NullaryFnOnce};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::codes::{Group, Hyperplanes, LANES};

/// Rows in memory, so that more can be added.
pub struct Growing {
    width: usize,
    rows: usize,
    codes: Vec<Group>,
    embeddings: Vec<f16>,
}

impl Growing {
    /// No rows yet.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            rows: 0,
            codes: Vec::new(),
            embeddings: Vec::new(),
        }
    }

    /// Reads rows into memory. The file must have been checked.
    ///
    /// # Errors
    /// A file that holds no rows of this width.
    pub fn load(path: &Path, width: usize) -> Result<Self> {
        let stored = Stored::open(path, width)?;
        Ok(Self {
            width,
            rows: stored.rows,
            codes: stored.codes().to_vec(),
            embeddings: stored.embeddings().reinterpret_cast().to_vec(),
        })
    }

    /// Adds L2-normalised rows `[n, width]`.
    ///
    /// # Errors
    /// Hyperplanes of another width.
    pub fn add(&mut self, rows: &[f32], hyperplanes: &Hyperplanes) -> Result<()> {
        for code in hyperplanes.encode(rows)? {
            let (group, lane) = (self.rows / LANES, self.rows % LANES);
            if lane == 0 {
                self.codes.push(Group::default());
            }
            for (words, word) in self.codes[group].iter_mut().zip(code) {
                words[lane] = word;
            }
            self.rows += 1;
        }
        let start = self.embeddings.len();
        self.embeddings.resize(start + rows.len(), f16::ZERO);
        self.embeddings[start..].convert_from_f32_slice(rows);
        Ok(())
    }

    /// Writes the rows; a file that exists is overwritten. It is safetensors: `codes`
    /// `[groups, words, rows]` u64 and `embeddings` `[rows, width]` f16.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let [words, lanes] = [Group::default().len(), LANES];
        let shape = vec![self.codes.len(), words, lanes];
        let codes = TensorView::new(Dtype::U64, shape, bytemuck::cast_slice(&self.codes))?;
        let bits = self.embeddings.reinterpret_cast();
        let shape = vec![self.rows, self.width];
        let embeddings = TensorView::new(Dtype::F16, shape, bytemuck::cast_slice(bits))?;
        let tensors = [("codes", codes), ("embeddings", embeddings)];
        safetensors::serialize_to_file(tensors, None, path)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Rows on disk, read where a search goes.
pub struct Stored {
    file: Mmap,
    /// Rows in the file.
    pub rows: usize,
    codes: Range<usize>,
    embeddings: Range<usize>,
}

impl Stored {
    /// Maps a file. It must have been checked, and must not change as long as the result
    /// lives.
    ///
    /// # Errors
    /// A file that holds no rows of this width.
    pub fn open(path: &Path, width: usize) -> Result<Self> {
        let failed = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(failed)?;
        #[allow(unsafe_code)]
        // SAFETY: no program of ours changes a file of an index; it writes another and
        // removes the old one, which stays readable through this map. A user's program that
        // cuts the file would end this one, as it would any that maps files.
        let file = unsafe { Mmap::map(&file) }.with_context(failed)?;
        let (rows, codes, embeddings) = parts(&file, width).with_context(failed)?;
        Ok(Self {
            file,
            rows,
            codes,
            embeddings,
        })
    }

    /// The codes; the last group is filled up with zeros.
    pub fn codes(&self) -> &[Group] {
        bytemuck::cast_slice(&self.file[self.codes.clone()])
    }

    /// The bits of the embeddings.
    fn embeddings(&self) -> &[u16] {
        bytemuck::cast_slice(&self.file[self.embeddings.clone()])
    }

    /// Appends rows to others in memory.
    pub fn read(&self, rows: impl Iterator<Item = usize>, width: usize, into: &mut Vec<f32>) {
        for row in rows {
            let bits = &self.embeddings()[row * width..][..width];
            into.extend(bits.iter().map(|&bits| widened(bits)));
        }
    }

    /// The scalar products of a query with rows.
    pub fn scores(&self, query: &[f32], rows: impl Iterator<Item = usize>) -> Vec<f32> {
        Arch::new().dispatch(Products {
            query,
            embeddings: self.embeddings(),
            rows,
        })
    }
}

/// Products of a query with rows of f16, given by their bits. A type and no closure, so that
/// a compiler has it use the instructions of the processor at hand.
struct Products<'a, I> {
    query: &'a [f32],
    embeddings: &'a [u16],
    rows: I,
}

impl<I: Iterator<Item = usize>> NullaryFnOnce for Products<'_, I> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        const SUMS: usize = 32;
        let width = self.query.len();
        let (query, query_rest) = self.query.as_chunks::<SUMS>();
        let mut products = Vec::with_capacity(self.rows.size_hint().0);
        for row in self.rows {
            let (row, rest) = self.embeddings[row * width..][..width].as_chunks::<SUMS>();
            let mut sums = [0.0; SUMS];
            for (query, row) in query.iter().zip(row) {
                for (sum, (q, &bits)) in sums.iter_mut().zip(query.iter().zip(row)) {
                    *sum += q * widened(bits);
                }
            }
            let rest = (query_rest.iter().zip(rest)).map(|(q, &bits)| q * widened(bits));
            products.push(sums.iter().sum::<f32>() + rest.sum::<f32>());
        }
        products
    }
}

/// The value of a finite f16, in steps that vector registers have: its exponent and fraction
/// are put where f32 has them, then the difference of the two biases is made good.
#[inline(always)]
fn widened(bits: u16) -> f32 {
    const BIASES: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * BIASES;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// Rows of a file, and where in it codes and embeddings are.
fn parts(file: &[u8], width: usize) -> Result<(usize, Range<usize>, Range<usize>)> {
    let tensors = SafeTensors::deserialize(file)?;
    let (codes, embeddings) = (tensors.tensor("codes")?, tensors.tensor("embeddings")?);
    let rows = match (embeddings.dtype(), embeddings.shape()) {
        (Dtype::F16, &[rows, found]) if found == width => rows,
        (dtype, shape) => bail!("it has {dtype:?} {shape:?}, expected F16 [rows, {width}]"),
    };
    let fits = bytemuck::try_cast_slice::<u8, Group>(codes.data())
        .is_ok_and(|codes| codes.len() == rows.div_ceil(LANES));
    if !fits || bytemuck::try_cast_slice::<u8, u16>(embeddings.data()).is_err() {
        bail!("its codes do not fit its {rows} embeddings");
    }
    let place = |part: &[u8]| {
        let start = part.as_ptr().addr() - file.as_ptr().addr();
        start..start + part.len()
    };
    Ok((rows, place(codes.data()), place(embeddings.data())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_f16_is_widened_exactly() {
        for bits in 0..=u16::MAX {
            let value = f16::from_bits(bits);
            if value.is_finite() {
                assert_eq!(
                    widened(bits).to_bits(),
                    value.to_f32().to_bits(),
                    "{bits:#x}"
                );
            }
        }
    }
}
