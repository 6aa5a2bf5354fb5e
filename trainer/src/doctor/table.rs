//! What a data set holds, for people and programs.

use serde::Serialize;

use super::images::{Examined, Seen};
use super::{Diagnosis, Severity};
use crate::data::distinct;

/// What a split holds.
#[derive(Serialize)]
pub struct SplitSummary {
    split: &'static str,
    images: usize,
    identities: usize,
    cameras: usize,
    /// Width and height of the images of the smallest, median and largest area.
    sizes: Option<[(usize, usize); 3]>,
    /// Fewest, median and most images of an identity.
    images_per_identity: Option<[usize; 3]>,
}

/// Summaries of all splits that can be listed.
pub fn summaries(examined: &Examined) -> Vec<SplitSummary> {
    let splits = examined.splits.iter();
    splits
        .filter_map(|(split, seen)| Some((split, seen.as_ref().ok()?)))
        .map(|(split, seen)| summary(split.name(), seen))
        .collect()
}

fn summary(split: &'static str, seen: &[Seen]) -> SplitSummary {
    let mut sizes: Vec<_> = seen
        .iter()
        .filter_map(|seen| seen.size.clone().ok())
        .collect();
    sizes.sort_unstable_by_key(|(width, height)| width * height);
    let people = distinct(seen.iter().map(|seen| seen.label.identity));
    let mut images: Vec<usize> = vec![0; people.len()];
    for seen in seen {
        if let Ok(index) = people.binary_search(&seen.label.identity) {
            images[index] += 1;
        }
    }
    images.sort_unstable();
    SplitSummary {
        split,
        images: seen.len(),
        identities: people.len(),
        cameras: distinct(seen.iter().map(|seen| seen.label.camera)).len(),
        sizes: three(&sizes),
        images_per_identity: three(&images),
    }
}

/// The first, middle and last of a sorted list.
fn three<T: Copy>(sorted: &[T]) -> Option<[T; 3]> {
    Some([*sorted.first()?, sorted[sorted.len() / 2], *sorted.last()?])
}

/// The diagnosis as a table and a list.
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut text = format!("{}\n", diagnosis.data);
    if !diagnosis.splits.is_empty() {
        text += &format!(
            "{:<8} {:>8} {:>11} {:>8} {:>10} {:>10} {:>10}  images per identity\n",
            "split", "images", "identities", "cameras", "smallest", "median", "largest"
        );
    }
    for split in &diagnosis.splits {
        let size = |index: usize| {
            let sizes = split.sizes.map(|sizes| sizes[index]);
            sizes.map_or_else(
                || "-".to_string(),
                |(width, height)| format!("{width}x{height}"),
            )
        };
        let each = (split.images_per_identity).map_or_else(
            || "-".to_string(),
            |[low, mid, high]| format!("{low} to {high}, median {mid}"),
        );
        text += &format!(
            "{:<8} {:>8} {:>11} {:>8} {:>10} {:>10} {:>10}  {each}\n",
            split.split,
            split.images,
            split.identities,
            split.cameras,
            size(0),
            size(1),
            size(2)
        );
    }
    for finding in &diagnosis.findings {
        let word = match finding.severity {
            Severity::Fatal => "FATAL",
            Severity::Warning => "warning",
        };
        text += &format!("{word}: {finding}\n");
    }
    if diagnosis.findings.is_empty() {
        text += "nothing wrong\n";
    }
    text.push('\n');
    text
}
