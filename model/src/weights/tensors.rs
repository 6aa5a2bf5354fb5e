//! A module's tensors by their stored names, one at a time.

#[cfg(feature = "training")]
use std::collections::BTreeMap;

#[cfg(feature = "training")]
use burn::module::AutodiffModule;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
#[cfg(feature = "training")]
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::DType;
#[cfg(feature = "training")]
use burn::tensor::backend::AutodiffBackend;

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
    let mut shapes = BTreeMap::new();
    each(module, |place, _| {
        shapes.insert(place.name, place.shape);
    });
    shapes
}

/// Every tensor of a module, under its stored name and in its stored layout.
pub fn values<B: Backend, M: Module<B>>(module: &M) -> Vec<Values> {
    let mut values = Vec::new();
    each(module, |place, tensor| values.push(place.values(tensor())));
    values
}

/// The gradients of a module's tensors that have one, stored as the tensors are.
#[cfg(feature = "training")]
pub fn gradients<B: AutodiffBackend, M: AutodiffModule<B>>(
    module: &M,
    gradients: &GradientsParams,
) -> Vec<Values> {
    struct Found<'a>(Walk, &'a GradientsParams, Vec<Values>);

    impl<B: Backend> ModuleVisitor<B> for Found<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            if let Some(gradient) = self.1.get::<B, D>(param.id) {
                let place = self.0.place(param);
                self.2.push(place.values(gradient.reshape([-1])));
            }
        }
    }

    let mut found = Found(Walk::default(), gradients, Vec::new());
    Module::<B::InnerBackend>::visit(&module.valid(), &mut found);
    found.2
}

/// Calls `visit` with where every tensor of a module is stored and what gives its numbers, row
/// by row, allocating it if need be.
fn each<B: Backend, M: Module<B>>(module: &M, visit: impl FnMut(Place, &dyn Fn() -> Tensor<B, 1>)) {
    struct Each<F>(Walk, F);

    impl<B: Backend, F: FnMut(Place, &dyn Fn() -> Tensor<B, 1>)> ModuleVisitor<B> for Each<F> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            (self.1)(self.0.place(param), &|| param.val().reshape([-1]));
        }
    }

    module.visit(&mut Each(Walk::default(), visit));
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
            let place = self.0.place(&param);
            let Some(mut numbers) = (self.1)(&place.name, &place.shape) else {
                return param;
            };
            if place.swapped {
                numbers = transposed(&numbers, place.shape[1]);
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

/// How a tensor is stored.
struct Place {
    name: String,
    shape: Vec<usize>,
    /// Whether its two axes are stored in the other order.
    swapped: bool,
}

impl Place {
    /// What is stored of the numbers of a tensor, row by row.
    fn values<B: Backend>(self, tensor: Tensor<B, 1>) -> Values {
        // Linear layers hold rows of as many numbers as they have outputs.
        let swapped = self.swapped.then(|| self.shape[0]);
        let read = move || {
            let numbers = tensor.to_data().convert::<f32>().into_vec();
            let numbers = numbers.map_err(|error| format!("{error:?}"))?;
            Ok(match swapped {
                Some(width) => transposed(&numbers, width),
                None => numbers,
            })
        };
        Values {
            name: self.name,
            shape: self.shape,
            read: Box::new(read),
        }
    }
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
    fn place<B: Backend, const D: usize>(&self, param: &Param<Tensor<B, D>>) -> Place {
        let mut fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
        if let Some(last) = fields.last_mut() {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                own => own,
            };
        }
        let linear = self.containers.last().map(String::as_str) == Some("Struct:Linear");
        let swapped = linear && fields.last() == Some(&"weight");
        let mut shape = param.lazy_shape().to_vec();
        if swapped {
            shape.reverse();
        }
        Place {
            name: fields.join("."),
            shape,
            swapped,
        }
    }
}

/// A matrix of rows of `width` numbers with its axes swapped.
pub fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    let column = |column| matrix.iter().skip(column).step_by(width).copied();
    (0..width).flat_map(column).collect()
}
