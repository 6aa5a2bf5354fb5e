//! The gradients of a step as a whole: their norm, all of them times a factor, and their sum
//! over replicas.

use std::collections::HashSet;

use anyhow::{Result, bail};
use burn::module::{AutodiffModule, Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use crate::parallel::Group;

/// L2 norm over all gradients of a model; not finite if any gradient is not.
pub fn norm<B: AutodiffBackend, M: AutodiffModule<B>>(
    gradients: &GradientsParams,
    model: &M,
) -> Result<f32> {
    let mut squares = Squares::<B::InnerBackend> {
        gradients,
        sum: None,
    };
    model.valid().visit(&mut squares);
    let Some(sum) = squares.sum else {
        bail!("the losses reach no parameter");
    };
    match sum.sqrt().into_data().convert::<f32>().as_slice::<f32>() {
        Ok([norm]) => Ok(*norm),
        _ => bail!("the gradients' norm is no single number"),
    }
}

struct Squares<'a, B: Backend> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<B, 1>>,
}

impl<B: Backend> ModuleVisitor<B> for Squares<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(gradient) = self.gradients.get::<B, D>(param.id) else {
            return;
        };
        let square = gradient.square().sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + square,
            None => square,
        });
    }
}

/// All gradients of a model times `factor`.
pub fn scale<B: AutodiffBackend, M: AutodiffModule<B>>(
    gradients: GradientsParams,
    model: &M,
    factor: f32,
) -> GradientsParams {
    let mut scale = Scale { gradients, factor };
    Module::<B::InnerBackend>::visit(&model.valid(), &mut scale);
    scale.gradients
}

/// Takes the gradients of a part of a model out of all of them.
pub fn take<B: AutodiffBackend, M: AutodiffModule<B>>(
    gradients: &mut GradientsParams,
    part: &M,
) -> GradientsParams {
    let mut take = Take {
        gradients,
        taken: GradientsParams::new(),
    };
    Module::<B::InnerBackend>::visit(&part.valid(), &mut take);
    take.taken
}

struct Take<'a> {
    gradients: &'a mut GradientsParams,
    taken: GradientsParams,
}

impl<B: Backend> ModuleVisitor<B> for Take<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B, D>(param.id) {
            self.taken.register::<B, D>(param.id, gradient);
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: f32,
}

impl<B: Backend> ModuleVisitor<B> for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(gradient) = self.gradients.remove::<B, D>(param.id) {
            self.gradients
                .register::<B, D>(param.id, gradient * self.factor);
        }
    }
}

/// The sum of both `parts` of the gradients over all replicas, the same on each.
///
/// # Errors
/// A replica that has ended.
pub fn sum<B: AutodiffBackend, M: AutodiffModule<B>>(
    parts: [GradientsParams; 2],
    model: &M,
    group: &Group,
) -> Result<GradientsParams> {
    let mut flat = Flatten {
        parts,
        present: HashSet::new(),
        numbers: Vec::new(),
        unreadable: None,
    };
    let model = model.valid();
    Module::<B::InnerBackend>::visit(&model, &mut flat);
    if let Some(error) = flat.unreadable {
        bail!("cannot read a gradient: {error}");
    }
    let mut sums = Unflatten {
        present: flat.present,
        numbers: group.sum(flat.numbers)?.into_iter(),
        gradients: GradientsParams::new(),
    };
    Module::<B::InnerBackend>::visit(&model, &mut sums);
    Ok(sums.gradients)
}

/// Takes gradients into one row of numbers, in the model's order.
struct Flatten {
    parts: [GradientsParams; 2],
    present: HashSet<ParamId>,
    numbers: Vec<f32>,
    unreadable: Option<String>,
}

impl<B: Backend> ModuleVisitor<B> for Flatten {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let parts = self
            .parts
            .each_mut()
            .map(|part| part.remove::<B, D>(param.id));
        let Some(gradient) = parts.into_iter().flatten().reduce(|a, b| a + b) else {
            return;
        };
        self.present.insert(param.id);
        match gradient.into_data().convert::<f32>().as_slice::<f32>() {
            Ok(numbers) => self.numbers.extend_from_slice(numbers),
            Err(error) => self.unreadable = Some(format!("{error:?}")),
        }
    }
}

/// Gives the numbers back to the parameters that they were taken from.
struct Unflatten {
    present: HashSet<ParamId>,
    numbers: std::vec::IntoIter<f32>,
    gradients: GradientsParams,
}

impl<B: Backend> ModuleVisitor<B> for Unflatten {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if !self.present.contains(&param.id) {
            return;
        }
        let value = param.val();
        let shape = value.shape();
        let numbers = self.numbers.by_ref().take(shape.num_elements()).collect();
        let data = TensorData::new(numbers, shape);
        let gradient = Tensor::<B, D>::from_data(data, &value.device());
        self.gradients.register::<B, D>(param.id, gradient);
    }
}
