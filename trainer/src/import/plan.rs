//! Which stored tensors make which of the model's, with every one of them accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};
use dcac_model::clip::resize_positions;
use dcac_model::weights::{Layout, Place, Values, transposed};

use crate::tensors::{Stored, Tensors};

/// Patch rows and columns.
type Grid = (usize, usize);

/// The tensors of a file by where they belong.
#[derive(Default)]
pub struct Sorted {
    /// Parts of each of the model's tensors.
    ours: BTreeMap<String, BTreeMap<usize, Part>>,
    /// How many were left out, by reason.
    ignored: BTreeMap<&'static str, usize>,
    unknown: Vec<String>,
}

struct Part {
    stored_name: String,
    stored: Stored,
    transposed: bool,
}

impl Sorted {
    /// Sorts the tensors of a file in.
    pub fn add(&mut self, tensors: Tensors, layout: Layout, blocks: usize) -> Result<()> {
        for (stored_name, stored) in tensors {
            match layout.place(&stored_name, blocks) {
                Place::Ours {
                    name,
                    part,
                    transposed,
                } => {
                    let parts = self.ours.entry(name).or_default();
                    let added = Part {
                        stored_name: stored_name.clone(),
                        stored,
                        transposed,
                    };
                    if let Some(twice) = parts.insert(part, added) {
                        bail!(
                            "`{stored_name}` and `{}` are the same tensor",
                            twice.stored_name
                        );
                    }
                }
                Place::Zero(reason) => {
                    if stored.read()?.iter().any(|&value| value != 0.0) {
                        self.unknown.push(format!("{stored_name} (not zero)"));
                    } else {
                        self.ignore(reason, 1);
                    }
                }
                Place::Ignored(reason) => self.ignore(reason, 1),
                Place::Unknown => self.unknown.push(stored_name),
            }
        }
        Ok(())
    }

    /// Takes tensors that bear the model's own names.
    pub fn add_ours(&mut self, tensors: Tensors) {
        for (name, stored) in tensors {
            let part = Part {
                stored_name: name.clone(),
                stored,
                transposed: false,
            };
            self.ours.insert(name, BTreeMap::from([(0, part)]));
        }
    }

    /// Leaves out what belongs under a prefix of the model.
    pub fn leave_out(&mut self, prefix: &str, reason: &'static str) {
        let before = self.ours.len();
        self.ours.retain(|name, _| !name.starts_with(prefix));
        self.ignore(reason, before - self.ours.len());
    }

    /// Counts tensors that are left out.
    pub fn ignore(&mut self, reason: &'static str, count: usize) {
        if count > 0 {
            *self.ignored.entry(reason).or_default() += count;
        }
    }

    /// Rows of the first of the model's tensors whose name ends so, as it is stored.
    pub fn rows(&self, end: &str) -> Option<usize> {
        let mut found = self.ours.iter().filter(|(name, _)| name.ends_with(end));
        let (_, parts) = found.next()?;
        parts.get(&0)?.stored.shape.first().copied()
    }

    /// Whether any of the model's tensors under a prefix is there.
    pub fn has(&self, prefix: &str) -> bool {
        let mut from = self.ours.range(prefix.to_string()..);
        from.next()
            .is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Makes all `wanted` tensors (name and shape), with positions for `grid`.
    ///
    /// # Errors
    /// One that lists every tensor that is missing, left over or of another shape.
    pub fn plan(mut self, wanted: &BTreeMap<String, Vec<usize>>, grid: Grid) -> Result<Plan> {
        let (mut missing, mut wrong) = (Vec::new(), Vec::new());
        let mut plan = Plan {
            tensors: Vec::new(),
            resized: Vec::new(),
            ignored: BTreeMap::new(),
            stored: 0,
        };
        for (name, shape) in wanted {
            let Some(parts) = self.ours.remove(name) else {
                missing.push(name.clone());
                continue;
            };
            match Planned::new(name, shape, parts.into_values().collect(), grid) {
                Ok(planned) => {
                    plan.stored += planned.parts.len();
                    plan.resized.extend(planned.resized(grid));
                    plan.tensors.push(planned);
                }
                Err(reason) => wrong.push(reason),
            }
        }
        let left = self.ours.into_values().flat_map(BTreeMap::into_values);
        let left: BTreeSet<String> = (left.map(|part| part.stored_name))
            .chain(self.unknown)
            .collect();
        let left: Vec<String> = left.into_iter().collect();
        let lists = [
            ("missing", &missing),
            ("left over", &left),
            ("wrongly shaped", &wrong),
        ];
        if lists.iter().any(|(_, names)| !names.is_empty()) {
            let mut text = String::from("the tensors do not fit the model:");
            for (what, names) in lists.iter().filter(|(_, names)| !names.is_empty()) {
                write!(text, "\n  {what} ({}): {}", names.len(), names.join(", "))?;
            }
            text += "\nName the configuration of this model's sizes, or another file";
            bail!(text);
        }
        plan.ignored = self.ignored;
        Ok(plan)
    }
}

/// Every tensor that was wanted.
pub struct Plan {
    /// In the order of their names.
    pub tensors: Vec<Planned>,
    resized: Vec<String>,
    ignored: BTreeMap<&'static str, usize>,
    stored: usize,
}

impl Plan {
    /// What happened to the tensors of the file, a line each.
    pub fn summary(&self) -> String {
        let mut text = format!("{} tensors loaded", self.stored);
        for resized in &self.resized {
            text += &format!("\n    {resized}");
        }
        for (reason, count) in &self.ignored {
            text += &format!("\n{count} ignored: {reason}");
        }
        text
    }
}

/// How one of the model's tensors is made.
pub struct Planned {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    parts: Vec<Part>,
    /// Grid that positions are stored for, if it is not the model's.
    positions: Option<(Grid, Grid)>,
}

impl Planned {
    fn new(name: &str, shape: &[usize], parts: Vec<Part>, grid: Grid) -> Result<Self, String> {
        let stored = |part: &Part| -> Vec<usize> {
            let mut shape = part.stored.shape.clone();
            if part.transposed {
                shape.reverse();
            }
            shape
        };
        let shapes: Vec<Vec<usize>> = parts.iter().map(stored).collect();
        let mut found = shapes[0].clone();
        let same_rest = shapes.iter().all(|shape| shape.get(1..) == found.get(1..));
        if let Some(first) = found.first_mut() {
            *first = shapes.iter().filter_map(|shape| shape.first()).sum();
        }
        let mut planned = Self {
            name: name.to_string(),
            shape: shape.to_vec(),
            parts,
            positions: None,
        };
        // A 1 x 1 convolution may be stored as a linear layer, a vector as a row.
        let compact = |shape: &[usize]| -> Vec<usize> {
            shape.iter().copied().filter(|&size| size != 1).collect()
        };
        if same_rest && compact(&found) == compact(shape) {
            return Ok(planned);
        }
        if let (true, &[rows, width]) = (name.ends_with("pos_embed"), &compact(&found)[..]) {
            // Class token and a square grid, as CLIP was trained.
            let side = rows.saturating_sub(1).isqrt();
            if side > 0 && side * side + 1 == rows && shape.last() == Some(&width) {
                planned.positions = Some(((side, side), grid));
                return Ok(planned);
            }
        }
        let names: Vec<&str> = (planned.parts.iter())
            .map(|part| part.stored_name.as_str())
            .collect();
        Err(format!(
            "{} {found:?}, expected {shape:?}",
            names.join(" + ")
        ))
    }

    fn resized(&self, to: Grid) -> Option<String> {
        let (from, _) = self.positions?;
        Some(format!(
            "{} resized from {} x {} to {} x {} patches",
            self.parts[0].stored_name, from.0, from.1, to.0, to.1
        ))
    }

    /// The numbers, row by row.
    pub fn read(&self) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        for part in &self.parts {
            let values = part.stored.read()?;
            if !values.iter().all(|value| value.is_finite()) {
                bail!("`{}` has values that are not finite", part.stored_name);
            }
            numbers.extend(match (part.transposed, part.stored.shape.as_slice()) {
                (true, &[_, columns]) => transposed(&values, columns),
                _ => values,
            });
        }
        Ok(match (self.positions, self.shape.last()) {
            (Some((from, to)), Some(&width)) => resize_positions(&numbers, width, from, to),
            _ => numbers,
        })
    }

    /// The tensor for a module in which it is called `name`.
    pub fn into_values(self, name: String) -> Values {
        Values {
            name,
            shape: self.shape.clone(),
            read: Box::new(move || self.read().map_err(|error| format!("{error:#}"))),
        }
    }
}
