//! The optimiser's moments, by the names of their parameters.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::record::AdaptorRecord;
use burn::optim::{Adam, AdamState, AdaptiveMomentumState, Optimizer};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};
use dcac_model::weights::Values;

use crate::tensors::Tensors;

/// Adam for a model, with its moments.
pub type AdamOf<B, M> = OptimizerAdaptor<Adam, M, B>;

/// First and second moment, and how often they were moved.
const PARTS: [&str; 3] = ["moment_1", "moment_2", "steps"];

/// Every moment of an optimiser of `model`.
pub fn values<B: AutodiffBackend, M: AutodiffModule<B>>(
    model: &M,
    optimizer: &AdamOf<B, M>,
) -> Vec<Values> {
    let mut collect = Collect::<B> {
        records: optimizer.to_record().into_iter().collect(),
        path: Vec::new(),
        values: Vec::new(),
    };
    model.visit(&mut collect);
    collect.values
}

struct Collect<B: AutodiffBackend> {
    records: HashMap<ParamId, AdaptorRecord<Adam, B>>,
    path: Vec<String>,
    values: Vec<Values>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Collect<B> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(record) = self.records.remove(&param.id) else {
            return;
        };
        let state = record.into_state::<D>().momentum;
        let path = self.path.join(".");
        let steps = state.time as f32;
        self.values.extend([
            tensor(format!("{path}.{}", PARTS[0]), state.moment_1),
            tensor(format!("{path}.{}", PARTS[1]), state.moment_2),
            Values {
                name: format!("{path}.{}", PARTS[2]),
                shape: vec![1],
                read: Box::new(move || Ok(vec![steps])),
            },
        ]);
    }
}

fn tensor<B: Backend, const D: usize>(name: String, tensor: Tensor<B, D>) -> Values {
    Values {
        name,
        shape: tensor.dims().to_vec(),
        read: Box::new(move || {
            let numbers = tensor.to_data().convert::<f32>().into_vec();
            numbers.map_err(|error| format!("{error:?}"))
        }),
    }
}

/// The optimiser of `model` with the moments of a checkpoint.
///
/// # Errors
/// Moments that belong to no trained parameter, or of another shape.
pub fn restore<B: AutodiffBackend, M: AutodiffModule<B>>(
    model: &M,
    optimizer: AdamOf<B, M>,
    tensors: &Tensors,
    device: &B::Device,
) -> Result<AdamOf<B, M>> {
    let mut restore = Restore::<B> {
        tensors,
        device: device.clone(),
        path: Vec::new(),
        records: HashMap::new(),
        failed: None,
    };
    model.visit(&mut restore);
    if let Some(error) = restore.failed {
        return Err(error);
    }
    let expected = restore.records.len() * PARTS.len();
    if tensors.len() != expected {
        bail!(
            "it has {} tensors of the optimiser, expected {expected}",
            tensors.len()
        );
    }
    let records = restore.records.into_iter().collect();
    Ok(optimizer.load_record(records))
}

struct Restore<'a, B: AutodiffBackend> {
    tensors: &'a Tensors,
    device: B::Device,
    path: Vec<String>,
    records: HashMap<ParamId, AdaptorRecord<Adam, B>>,
    failed: Option<anyhow::Error>,
}

impl<B: AutodiffBackend> Restore<'_, B> {
    /// The state of a parameter; none if it has never had a gradient.
    fn state<const D: usize>(
        &self,
        shape: [usize; D],
    ) -> Result<Option<AdamState<B::InnerBackend, D>>> {
        let path = self.path.join(".");
        let read = |part: &str, shape: &[usize]| -> Result<Option<Vec<f32>>> {
            let name = format!("{path}.{part}");
            let Some(stored) = self.tensors.get(&name) else {
                return Ok(None);
            };
            if stored.shape != shape {
                bail!(
                    "`{name}` has the shape {:?}, expected {shape:?}",
                    stored.shape
                );
            }
            Ok(Some(stored.read().with_context(|| format!("`{name}`"))?))
        };
        let moment = |part| {
            let numbers = read(part, &shape)?;
            let tensor = |numbers| Tensor::from_data(TensorData::new(numbers, shape), &self.device);
            anyhow::Ok(numbers.map(tensor))
        };
        let parts = (moment(PARTS[0])?, moment(PARTS[1])?, read(PARTS[2], &[1])?);
        let (Some(first), Some(second), Some(steps)) = parts else {
            return Ok(None);
        };
        let steps = steps.first().copied().unwrap_or_default() as usize;
        let momentum = AdaptiveMomentumState::new(steps, first, second);
        Ok(Some(AdamState::new(momentum)))
    }
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Restore<'_, B> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        match self.state::<D>(param.val().dims()) {
            Ok(Some(state)) => {
                let record = AdaptorRecord::from_state::<D>(state);
                self.records.insert(param.id, record);
            }
            Ok(None) => (),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
    }
}
