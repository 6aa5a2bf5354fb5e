//! A module's parameters as the bytes of a safetensors file.

use std::collections::BTreeSet;

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::DType;
use burn_store::{
    ApplyResult, BurnToPyTorchAdapter, ModuleAdapter, ModuleStore, PyTorchToBurnAdapter,
    SafetensorsStore,
};

use super::adapter::CastFloats;
use super::{Precision, WeightsError};

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
pub(super) fn left_over(result: &ApplyResult) -> Vec<String> {
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
