//! One tensor within a file, read when it is wanted.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use burn::tensor::{bf16, f16};

/// A file that tensors lie in.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    bytes: u64,
}

impl TensorFile {
    /// A file that must exist.
    pub fn open(path: &Path) -> Result<Rc<Self>> {
        let found = path.metadata();
        let bytes = found
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        Ok(Rc::new(Self {
            path: path.to_path_buf(),
            bytes,
        }))
    }

    /// The bytes from `start` on.
    pub fn read(&self, start: u64, count: usize) -> Result<Vec<u8>> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = vec![0; count];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().with_context(|| format!("cannot read {}", self.path.display()))
    }
}

/// Number formats of stored tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    F16,
    Bf16,
    F32,
    F64,
    /// Integers and truth values of so many bytes: counters, never weights.
    Other(usize),
}

impl Format {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Other(size) => size,
        }
    }
}

/// Where a tensor lies in its file, and how.
#[derive(Clone, Debug)]
pub struct Stored {
    pub shape: Vec<usize>,
    pub format: Format,
    file: Rc<TensorFile>,
    start: u64,
    /// Numbers between neighbours along each axis.
    strides: Vec<usize>,
}

impl Stored {
    /// A tensor in the bytes `from..to` of a file; it has no `strides` of its own if it
    /// lies row by row.
    ///
    /// # Errors
    /// A tensor that reaches beyond those bytes, or bytes beyond the file.
    pub fn new(
        file: &Rc<TensorFile>,
        [from, to]: [u64; 2],
        format: Format,
        shape: Vec<usize>,
        strides: Option<Vec<usize>>,
    ) -> Result<Self> {
        let strides = strides.unwrap_or_else(|| row_major(&shape));
        if strides.len() != shape.len() {
            bail!(
                "a tensor of {} axes has {} strides",
                shape.len(),
                strides.len()
            );
        }
        let stored = Self {
            shape,
            format,
            file: file.clone(),
            start: from,
            strides,
        };
        if to > file.bytes {
            bail!(
                "{} ends before its tensors do: it has {} bytes",
                file.path.display(),
                file.bytes
            );
        }
        let bytes = (stored.reach()).and_then(|reach| reach.checked_mul(format.size()));
        let fits = |bytes: usize| from.checked_add(bytes as u64).is_some_and(|end| end <= to);
        if !bytes.is_some_and(fits) {
            bail!(
                "a tensor of shape {:?} is larger than its storage",
                stored.shape
            );
        }
        Ok(stored)
    }

    /// Numbers from the first to the last, both counted.
    fn reach(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let axes = self.shape.iter().zip(&self.strides);
        axes.into_iter()
            .try_fold(1_usize, |reach, (&size, &stride)| {
                reach.checked_add((size - 1).checked_mul(stride)?)
            })
    }

    /// The numbers, row by row.
    pub fn read(&self) -> Result<Vec<f32>> {
        let size = self.format.size();
        let bytes = (self.file).read(self.start, self.reach().unwrap_or(0) * size)?;
        let stored: Vec<f32> = match self.format {
            Format::F16 => numbers(&bytes, |b| f16::from_le_bytes(b).to_f32()),
            Format::Bf16 => numbers(&bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Format::F32 => numbers(&bytes, f32::from_le_bytes),
            Format::F64 => numbers(&bytes, |b| f64::from_le_bytes(b) as f32),
            Format::Other(_) => bail!("a tensor of whole numbers where weights were expected"),
        };
        drop(bytes);
        if self.strides == row_major(&self.shape) || stored.len() < 2 {
            return Ok(stored);
        }
        let mut index = vec![0; self.shape.len()];
        let count = self.shape.iter().product();
        let mut ordered = Vec::with_capacity(count);
        for _ in 0..count {
            let at: usize = index.iter().zip(&self.strides).map(|(i, s)| i * s).sum();
            ordered.push(stored[at]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(ordered)
    }
}

fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|&chunk| read(chunk)).collect()
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}
