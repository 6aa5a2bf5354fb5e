//! Loss scaling: f16 gradients below 6e-8 would be zero, so losses are multiplied before
//! the backward pass and gradients divided after it.

use anyhow::{Result, bail};
use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::nn::Compute;

/// The first factor.
const FIRST: f32 = 65_536.0;
/// Steps without an overflow after which the factor doubles.
const PATIENCE: u32 = 2_000;
/// A loss that overflows at this factor does not do so because of it.
const LEAST: f32 = 1.0;

/// The factor and its history; torch's GradScaler has the same rules.
pub struct LossScale {
    /// `None` where gradients have the range of f32.
    factor: Option<f32>,
    good_steps: u32,
    backed_off: bool,
}

impl LossScale {
    /// Scales in f16 alone.
    pub fn new(precision: Compute) -> Self {
        Self {
            factor: (precision == Compute::F16).then_some(FIRST),
            good_steps: 0,
            backed_off: false,
        }
    }

    /// The factor, if there is one.
    pub fn factor(&self) -> Option<f32> {
        self.factor
    }

    /// Whether the last gradients overflowed.
    pub fn backed_off(&self) -> bool {
        self.backed_off
    }

    /// Gradients of a loss, or none if they overflow; then the factor is halved.
    ///
    /// # Errors
    /// Gradients that overflow without any scaling.
    pub fn backward<B: AutodiffBackend, M: AutodiffModule<B>>(
        &mut self,
        loss: Tensor<B, 1>,
        model: &M,
    ) -> Result<Option<GradientsParams>> {
        let Some(factor) = self.factor else {
            return Ok(Some(GradientsParams::from_grads(loss.backward(), model)));
        };
        let gradients = (loss * factor).backward();
        let mut unscale = Unscale::<B::InnerBackend> {
            gradients: GradientsParams::from_grads(gradients, model),
            factor,
            sum: None,
        };
        model.valid().visit(&mut unscale);
        let sum = unscale.sum.map(|sum| sum.into_data().convert::<f32>());
        let sum = sum.and_then(|data| data.as_slice::<f32>().ok().map(|s| s[0]));
        if sum.is_some_and(f32::is_finite) {
            self.backed_off = false;
            self.good_steps += 1;
            if self.good_steps == PATIENCE {
                self.good_steps = 0;
                self.factor = Some(factor * 2.0);
            }
            return Ok(Some(unscale.gradients));
        }
        if factor <= LEAST {
            bail!(
                "gradients overflow in f16 whatever their scale; set precision = \"bf16\" or \"f32\""
            );
        }
        self.backed_off = true;
        self.good_steps = 0;
        self.factor = Some(factor / 2.0);
        Ok(None)
    }
}

/// Divides gradients by the factor and sums their magnitudes, which is finite if they are.
struct Unscale<B: Backend> {
    gradients: GradientsParams,
    factor: f32,
    sum: Option<Tensor<B, 1>>,
}

impl<B: Backend> ModuleVisitor<B> for Unscale<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(gradient) = self.gradients.remove::<B, D>(param.id) else {
            return;
        };
        let gradient = gradient / self.factor;
        let magnitude = gradient.clone().abs().mean();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + magnitude,
            None => magnitude,
        });
        self.gradients.register::<B, D>(param.id, gradient);
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::nn::{Linear, LinearConfig};

    use super::*;

    type Train = Autodiff<Flex>;

    fn gradients(scale: &mut LossScale, times: f32) -> Result<Option<Vec<f32>>> {
        let device = Default::default();
        let layer: Linear<Train> = LinearConfig::new(2, 1).with_bias(false).init(&device);
        let x = Tensor::<Train, 2>::from_floats([[3.0, -1.0]], &device) * times;
        let loss = layer.forward(x).sum();
        let found = scale.backward(loss, &layer)?;
        let found = found.and_then(|all| all.get::<Flex, 2>(layer.weight.id));
        Ok(found.and_then(|weight| weight.into_data().into_vec().ok()))
    }

    #[test]
    fn scaling_changes_no_gradient_and_backs_off_on_overflow() -> Result<()> {
        let mut plain = LossScale::new(Compute::Bf16);
        assert_eq!(gradients(&mut plain, 1.0)?, Some(vec![3.0, -1.0]));
        assert_eq!(plain.factor(), None);
        let mut scale = LossScale::new(Compute::F16);
        assert_eq!(gradients(&mut scale, 1.0)?, Some(vec![3.0, -1.0]));
        assert!(!scale.backed_off());
        // 1e35 * 65536 is beyond f32.
        assert_eq!(gradients(&mut scale, 1e35)?, None);
        assert!(scale.backed_off());
        assert_eq!(scale.factor(), Some(FIRST / 2.0));
        scale.factor = Some(LEAST);
        assert!(gradients(&mut scale, f32::INFINITY).is_err());
        Ok(())
    }

    #[test]
    fn the_factor_grows_back() -> Result<()> {
        let mut scale = LossScale::new(Compute::F16);
        for _ in 0..PATIENCE {
            gradients(&mut scale, 1.0)?;
        }
        assert_eq!(scale.factor(), Some(FIRST * 2.0));
        Ok(())
    }
}
