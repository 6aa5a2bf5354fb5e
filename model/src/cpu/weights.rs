//! A layer's weights in the order in which a product reads them.

use std::ops::Range;

use super::kernel::{COLUMNS, ColumnPanel};
use super::memory::filled;
use crate::weights::WeightsError;
use crate::weights::file::{Stored, widen};

/// A matrix `[columns, depth]` in panels of `COLUMNS` columns, each `depth` entries; the last
/// one is filled up with zeros.
pub(super) struct Panels {
    depth: usize,
    columns: usize,
    values: Values,
}

enum Values {
    Single(Vec<ColumnPanel>),
    /// Half-precision numbers as they are in the file: half the memory. Each is widened once
    /// for all rows that it is multiplied with.
    Half(Vec<[u16; COLUMNS]>),
}

impl Panels {
    /// Packs some columns of a file's `[.., depth]`.
    pub(super) fn pack(
        stored: Stored,
        depth: usize,
        columns: Range<usize>,
    ) -> Result<Self, WeightsError> {
        let values = match stored {
            Stored::Half(numbers) => Values::Half(pack(depth, &columns, |index| {
                u16::from_le_bytes(numbers[index])
            })?),
            Stored::Absent => Values::Single(Vec::new()),
            _ => Values::Single(pack(depth, &columns, |index| stored.at(index))?),
        };
        Ok(Self {
            depth,
            columns: columns.len(),
            values,
        })
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of panels.
    pub(super) fn count(&self) -> usize {
        self.columns.div_ceil(COLUMNS)
    }

    /// Entries `from..to` of a panel; `space` is where they are widened.
    pub(super) fn panel<'a>(
        &'a self,
        index: usize,
        from: usize,
        to: usize,
        space: &'a mut [ColumnPanel],
    ) -> &'a [ColumnPanel] {
        let range = index * self.depth + from..index * self.depth + to;
        match &self.values {
            Values::Single(values) => &values[range],
            Values::Half(values) => {
                let space = &mut space[..to - from];
                for (wide, half) in space.iter_mut().zip(&values[range]) {
                    *wide = half.map(widen);
                }
                space
            }
        }
    }

    /// Memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        match &self.values {
            Values::Single(values) => size_of_val(&values[..]),
            Values::Half(values) => size_of_val(&values[..]),
        }
    }
}

fn pack<T: Copy + Default>(
    depth: usize,
    columns: &Range<usize>,
    at: impl Fn(usize) -> T,
) -> Result<Vec<[T; COLUMNS]>, WeightsError> {
    let count = columns.len().div_ceil(COLUMNS);
    let mut values = filled([T::default(); COLUMNS], [count, depth])?;
    for column in 0..columns.len() {
        let panel = &mut values[column / COLUMNS * depth..][..depth];
        for (i, entry) in panel.iter_mut().enumerate() {
            entry[column % COLUMNS] = at((columns.start + column) * depth + i);
        }
    }
    Ok(values)
}
