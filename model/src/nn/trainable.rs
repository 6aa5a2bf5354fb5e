//! Which parameters are trained, and how many there are.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::DType;

use super::cast;

/// Lets gradients into the parameters whose dotted path satisfies `trainable`
/// and freezes all others. A frozen parameter gets no gradient, and autodiff
/// does not compute one for it.
pub fn set_trainable<B: Backend, M: Module<B>>(module: M, trainable: impl Fn(&str) -> bool) -> M {
    module.map(&mut Freezer {
        path: Vec::new(),
        trainable,
    })
}

struct Freezer<F> {
    path: Vec<String>,
    trainable: F,
}

impl<B: Backend, F: Fn(&str) -> bool> ModuleMapper<B> for Freezer<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let trainable = (self.trainable)(&self.path.join("."));
        param.set_require_grad(trainable)
    }
}

/// Casts the frozen matrices and kernels to `dtype`; vectors, which belong to norms and
/// biases, stay f32.
pub fn hold_frozen<B: Backend, M: Module<B>>(
    module: M,
    dtype: DType,
    frozen: impl Fn(&str) -> bool,
) -> M {
    module.map(&mut Holder {
        path: Vec::new(),
        dtype,
        frozen,
    })
}

struct Holder<F> {
    path: Vec<String>,
    dtype: DType,
    frozen: F,
}

impl<B: Backend, F: Fn(&str) -> bool> ModuleMapper<B> for Holder<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        if D < 2 || !(self.frozen)(&self.path.join(".")) {
            return param;
        }
        // In f32 too: a lazily initialised weight is drawn here, in whatever format, so
        // that all precisions begin with the same numbers.
        param
            .map(|weight| cast(weight.detach(), self.dtype))
            .set_require_grad(false)
    }
}

/// Number of scalars in a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ParameterCount {
    /// All parameters, running statistics not counted.
    pub total: usize,
    /// Those whose path the predicate called trainable.
    pub trainable: usize,
}

/// Counts parameters from their shapes, without allocating lazily initialised ones.
pub fn count_parameters<B: Backend, M: Module<B>>(
    module: &M,
    trainable: impl Fn(&str) -> bool,
) -> ParameterCount {
    let mut counter = Counter {
        path: Vec::new(),
        trainable,
        count: ParameterCount::default(),
    };
    module.visit(&mut counter);
    counter.count
}

struct Counter<F> {
    path: Vec<String>,
    trainable: F,
    count: ParameterCount,
}

impl<B: Backend, F: Fn(&str) -> bool> ModuleVisitor<B> for Counter<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let path = self.path.join(".");
        if path.contains("running_") {
            return;
        }
        let scalars = param.lazy_shape().num_elements();
        self.count.total += scalars;
        if (self.trainable)(&path) {
            self.count.trainable += scalars;
        }
    }
}
