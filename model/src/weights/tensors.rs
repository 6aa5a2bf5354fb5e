//! A module's tensors by their stored names, one at a time.

#[cfg(feature = "training")]
use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::DType;

#[cfg(feature = "training")]
use super::WeightsError;

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

/// Names and shapes of a module's tensors as [`super::save`] would store them, without
/// allocating those that are lazily initialised.
#[cfg(feature = "training")]
pub fn shapes<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<usize>> {
    struct Shapes(Walk, BTreeMap<String, Vec<usize>>);

    impl<B: Backend> ModuleVisitor<B> for Shapes {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let place = self.0.place();
            let shape = place.shape(param);
            self.1.insert(place.name, shape);
        }
    }

    let mut shapes = Shapes(Walk::default(), BTreeMap::new());
    module.visit(&mut shapes);
    shapes.1
}

/// Every tensor of a module, under its stored name and in its stored layout.
pub fn values<B: Backend, M: Module<B>>(module: &M) -> Vec<Values> {
    struct All(Walk, Vec<Values>);

    impl<B: Backend> ModuleVisitor<B> for All {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            let place = self.0.place();
            let (shape, swapped, tensor) = (place.shape(param), place.swapped, param.val());
            let read = move || {
                let data = tensor.to_data();
                let [rows, columns] = [0, D - 1].map(|axis| data.shape[axis]);
                let numbers = data.convert::<f32>().into_vec();
                let numbers = numbers.map_err(|error| format!("{error:?}"))?;
                Ok(if swapped {
                    transposed(&numbers, rows, columns)
                } else {
                    numbers
                })
            };
            self.1.push(Values {
                name: place.name,
                shape,
                read: Box::new(read),
            });
        }
    }

    let mut all = All(Walk::default(), Vec::new());
    module.visit(&mut all);
    all.1
}

/// `module` with the given tensors in place of its own; at any time, one of them is
/// in memory twice. Tensors that are not given stay as they are.
///
/// # Errors
/// Values that cannot be read, have another shape or belong to no tensor.
#[cfg(feature = "training")]
pub fn assign<B: Backend, M: Module<B>>(module: M, values: Vec<Values>) -> Result<M, WeightsError> {
    let given = values.into_iter();
    let mut left: BTreeMap<String, Values> =
        given.map(|values| (values.name.clone(), values)).collect();
    let mut wrong = Vec::new();
    let module = fill(module, |name, shape| {
        let values = left.remove(name)?;
        if values.shape != shape {
            let found = values.shape;
            wrong.push(format!("{name} (expected {shape:?}, found {found:?})"));
            return None;
        }
        let read = (values.read)().map_err(|reason| wrong.push(format!("{name} ({reason})")));
        read.ok()
    });
    if left.is_empty() && wrong.is_empty() {
        return Ok(module);
    }
    Err(WeightsError::Mismatch {
        missing: Vec::new(),
        unexpected: left.into_keys().collect(),
        wrong,
    })
}

/// `module` with what `take` has for a tensor's stored name and shape, if anything.
pub(super) fn fill<B: Backend, M: Module<B>>(
    module: M,
    take: impl FnMut(&str, &[usize]) -> Option<Vec<f32>>,
) -> M {
    struct Fill<F>(Walk, F);

    impl<B: Backend, F: FnMut(&str, &[usize]) -> Option<Vec<f32>>> ModuleMapper<B> for Fill<F> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let place = self.0.place();
            let shape = place.shape(&param);
            let Some(mut numbers) = (self.1)(&place.name, &shape) else {
                return param;
            };
            if place.swapped {
                numbers = transposed(&numbers, shape[0], shape[1]);
            }
            let data = TensorData::new(numbers, param.lazy_shape());
            let tensor = Tensor::from_data(data, (&param.lazy_device(), DType::F32));
            let id = param.id;
            param.transform_for_load(tensor, id)
        }
    }

    module.map(&mut Fill(Walk::default(), take))
}

/// Where a walk through a module is.
#[derive(Default)]
struct Walk {
    fields: Vec<String>,
    /// What has these fields.
    containers: Vec<String>,
}

/// How the tensor at hand is stored.
struct Place {
    name: String,
    /// Whether its two axes are stored in the other order.
    swapped: bool,
}

impl Walk {
    fn enter(&mut self, field: &str, container: &str) {
        self.fields.push(field.to_string());
        self.containers.push(container.to_string());
    }

    fn exit(&mut self) {
        self.fields.pop();
        self.containers.pop();
    }

    /// PyTorch's norms have `weight` and `bias`, its linear layers weights `[out, in]`.
    fn place(&self) -> Place {
        let mut fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        if let Some(last) = fields.last_mut() {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                own => own,
            };
        }
        Place {
            swapped: fields.last() == Some(&"weight")
                && self
                    .containers
                    .last()
                    .is_some_and(|of| of == "Struct:Linear"),
            name: fields.join("."),
        }
    }
}

impl Place {
    /// The stored shape.
    fn shape<B: Backend, const D: usize>(&self, param: &Param<Tensor<B, D>>) -> Vec<usize> {
        let mut shape = param.lazy_shape().to_vec();
        if self.swapped {
            shape.reverse();
        }
        shape
    }
}

/// A matrix `[rows, columns]` as `[columns, rows]`.
fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let column = |j| (0..rows).map(move |i| matrix[i * columns + j]);
    (0..columns).flat_map(column).collect()
}
