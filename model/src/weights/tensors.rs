//! A module's tensors by their stored names, one at a time.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::DType;
use burn_store::{
    BurnToPyTorchAdapter, ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter, TensorSnapshot,
    TensorSnapshotError,
};

use super::WeightsError;

/// Names and shapes of a module's tensors as [`super::save`] would store them, without
/// allocating those that are lazily initialised.
pub fn shapes<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    module.visit(&mut shapes);
    shapes.found
}

#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    containers: Vec<String>,
    found: BTreeMap<String, Vec<usize>>,
}

impl<B: Backend> ModuleVisitor<B> for Shapes {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.to_string());
        self.containers.push(container.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let unread = || Err(TensorSnapshotError::DataError("a shape alone".to_string()));
        let ours = TensorSnapshot::from_closure(
            Rc::new(unread),
            DType::F32,
            param.lazy_shape(),
            self.path.clone(),
            self.containers.clone(),
            param.id,
        );
        let stored = BurnToPyTorchAdapter.adapt(&ours);
        self.found.insert(stored.full_path(), stored.shape.to_vec());
    }
}

/// Reads numbers, or says why it cannot.
pub type Read = dyn Fn() -> Result<Vec<f32>, String>;

/// Values of one tensor, read when they are wanted.
pub struct Values {
    /// Stored name, as in [`shapes`].
    pub name: String,
    /// Stored shape.
    pub shape: Vec<usize>,
    /// Reads the numbers, row by row.
    pub read: Box<Read>,
}

/// Every tensor of a module, under its stored name and in its stored layout.
pub fn values<B: Backend, M: Module<B>>(module: &M) -> Vec<Values> {
    let snapshots = module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
    (snapshots.into_iter())
        .map(|snapshot| Values {
            name: snapshot.full_path(),
            shape: snapshot.shape.to_vec(),
            read: Box::new(move || {
                let data = snapshot.to_data().map_err(|error| format!("{error:?}"))?;
                let numbers = data.convert::<f32>().into_vec();
                numbers.map_err(|error| format!("{error:?}"))
            }),
        })
        .collect()
}

/// `module` with the given tensors in place of its own; at any time, one of them is
/// in memory twice. Tensors that are not given stay as they are.
///
/// # Errors
/// Values that cannot be read, have another shape or belong to no tensor.
pub fn assign<B: Backend, M: Module<B>>(
    mut module: M,
    values: Vec<Values>,
) -> Result<M, WeightsError> {
    let snapshots = values.into_iter().map(|values| {
        let shape = values.shape.clone();
        let read = values.read;
        TensorSnapshot::from_closure(
            Rc::new(move || match read() {
                Ok(numbers) => Ok(TensorData::new(numbers, shape.clone())),
                Err(reason) => Err(TensorSnapshotError::IoError(reason)),
            }),
            DType::F32,
            values.shape.into(),
            values.name.split('.').map(str::to_string).collect(),
            Vec::new(),
            burn::module::ParamId::new(),
        )
    });
    let result = module.apply(
        snapshots.collect(),
        None,
        Some(Box::new(PyTorchToBurnAdapter)),
        false,
    );
    let unexpected = super::store::left_over(&result);
    if unexpected.is_empty() && result.errors.is_empty() {
        return Ok(module);
    }
    Err(WeightsError::Mismatch {
        missing: Vec::new(),
        unexpected,
        wrong: result.errors.iter().map(ToString::to_string).collect(),
    })
}
