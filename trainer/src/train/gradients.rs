//! The gradients of a step as a whole: their norm, and all of them times a factor.

use anyhow::{Result, bail};
use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

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
