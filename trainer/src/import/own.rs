//! Models of this program to begin with.

use std::path::Path;

use anyhow::{Result, bail};

use super::plan::Sorted;
use super::source;
use crate::tensors::Tensors;
use crate::train::run_tensors;

/// What is of no use with other training data.
const OF_ITS_DATA: [&str; 3] = ["classifier.", "guidance.condition.", "cameras"];

/// The tensors of a run's last checkpoint, or of an exported model, by our names.
pub fn open(path: &Path, diffusion: bool) -> Result<Sorted> {
    let tensors = if path.join("checkpoints").is_dir() {
        run_tensors(path)?
    } else if path.join("model.safetensors").is_file() {
        let stored = source::open(&path.join("model.safetensors"))?;
        stored
            .into_iter()
            .map(|(name, tensor)| (encoder_name(&name), tensor))
            .collect()
    } else {
        bail!(
            "{} is neither a run nor a model folder; name one that `trainer train` or `trainer export` wrote",
            path.display()
        );
    };
    let mut sorted = Sorted::default();
    let mut kept = Tensors::new();
    for (name, tensor) in tensors {
        if OF_ITS_DATA.iter().any(|part| name.starts_with(part)) {
            sorted.ignore("of its own training identities and cameras", 1);
        } else if !diffusion && !name.starts_with("encoder.") {
            sorted.ignore("of the diffusion model, which the baseline has not", 1);
        } else {
            kept.insert(name, tensor);
        }
    }
    sorted.add_ours(kept);
    Ok(sorted)
}

/// An exported encoder has timm's names at its root and the neck beside them.
fn encoder_name(name: &str) -> String {
    let part = if name.starts_with("neck.") {
        ""
    } else {
        "vit."
    };
    format!("encoder.{part}{name}")
}
