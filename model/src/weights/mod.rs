//! Modules to safetensors and back, in PyTorch's names and layout.
//!
//! Linear weights are stored `[out, in]`, norms as `weight` and `bias`. The
//! encoder's transformer stands at the file's root with timm's names, its neck
//! under `neck.`.

mod adapter;
#[cfg(feature = "training")]
mod layout;
#[cfg(feature = "training")]
mod tensors;

use std::collections::BTreeSet;

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::DType;
use burn_store::{
    ApplyResult, BurnToPyTorchAdapter, ModuleAdapter, ModuleStore, PyTorchToBurnAdapter,
    SafetensorsStore,
};

use crate::clip::VitConfigError;
use adapter::CastFloats;
#[cfg(feature = "training")]
pub use layout::{Layout, Place, unet_to_diffusers, vae_to_diffusers};
#[cfg(feature = "training")]
pub use tensors::{Values, assign, shapes, values};

/// Number format of stored weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16-bit IEEE floats: half the size, about three decimal digits.
    F16,
    /// 32-bit floats.
    F32,
}

/// Weights that cannot be read or do not fit a model.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration describes no model.
    #[error(transparent)]
    Config(#[from] VitConfigError),
    /// The bytes are no safetensors file, or one with an unsupported number format.
    #[error("not a readable safetensors file: {0}")]
    Format(String),
    /// Tensors do not fit the model.
    #[error("the weights do not fit the model described by its configuration:{}", list(.missing, .unexpected, .wrong))]
    Mismatch {
        /// Tensors that the model has and the file lacks.
        missing: Vec<String>,
        /// Tensors that the file has and the model lacks.
        unexpected: Vec<String>,
        /// Tensors of another shape or number format, with both.
        wrong: Vec<String>,
    },
}

fn list(missing: &[String], unexpected: &[String], wrong: &[String]) -> String {
    [
        ("missing", missing),
        ("left over", unexpected),
        ("wrong", wrong),
    ]
    .iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(what, names)| format!("\n  {what}: {}", names.join(", ")))
    .collect()
}

/// Pairs of a regular expression and its replacement.
pub type Renames<'a> = &'a [(&'a str, &'a str)];

/// The bytes of a safetensors file that holds every parameter of `module`,
/// renamed by `renames`.
pub fn save<B: Backend, M: Module<B>>(
    module: &M,
    precision: Precision,
    renames: Renames,
) -> Result<Vec<u8>, WeightsError> {
    let cast = CastFloats(match precision {
        Precision::F16 => DType::F16,
        Precision::F32 => DType::F32,
    });
    // transformers asks for this entry; a second one would make the bytes differ from
    // run to run, as the header is written in a hash map's order.
    let store = SafetensorsStore::from_bytes(None)
        .clear_metadata()
        .metadata("format", "pt")
        .with_to_adapter(BurnToPyTorchAdapter.chain(cast));
    let mut store = rename(store, renames);
    store.collect_from(module).map_err(format_error)?;
    store.get_bytes().map_err(format_error)
}

/// `module` with every parameter read from the bytes of a safetensors file, whose
/// names `renames` turns into the module's; 16-bit floats become 32-bit ones.
pub fn load<B: Backend, M: Module<B>>(
    mut module: M,
    bytes: Vec<u8>,
    renames: Renames,
) -> Result<M, WeightsError> {
    let store = SafetensorsStore::from_bytes(Some(bytes))
        .with_from_adapter(PyTorchToBurnAdapter.chain(CastFloats(DType::F32)))
        .validate(false)
        .allow_partial(true);
    let mut store = rename(store, renames);
    let result = store.apply_to(&mut module).map_err(format_error)?;
    let unexpected = left_over(&result);
    if result.missing.is_empty() && unexpected.is_empty() && result.errors.is_empty() {
        return Ok(module);
    }
    Err(WeightsError::Mismatch {
        missing: result.missing.into_iter().map(|(path, _)| path).collect(),
        unexpected,
        wrong: result.errors.iter().map(ToString::to_string).collect(),
    })
}

/// Tensors that were given and fit nowhere.
fn left_over(result: &ApplyResult) -> Vec<String> {
    // A norm's `weight` and `bias` are burn's `gamma` and `beta`: a file's tensor that
    // was applied under that name is not left over.
    let applied: BTreeSet<&str> = result.applied.iter().map(String::as_str).collect();
    let used = |name: &str| {
        [(".weight", ".gamma"), (".bias", ".beta")]
            .iter()
            .filter_map(|(theirs, ours)| Some(format!("{}{ours}", name.strip_suffix(theirs)?)))
            .any(|ours| applied.contains(ours.as_str()))
    };
    (result.unused.iter())
        .filter(|name| !used(name))
        .cloned()
        .collect()
}

fn rename(store: SafetensorsStore, renames: Renames) -> SafetensorsStore {
    (renames.iter()).fold(store, |store, (from, to)| {
        store.with_key_remapping(*from, *to)
    })
}

fn format_error(error: burn_store::SafetensorsStoreError) -> WeightsError {
    WeightsError::Format(error.to_string())
}
