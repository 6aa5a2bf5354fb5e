//! Loss scaling: f16 gradients below 6e-8 would be zero, so losses are multiplied before
//! the backward pass and gradients divided after it.

use anyhow::{Result, bail};
use dcac_model::nn::Compute;
use serde::{Deserialize, Serialize};

/// The first factor.
const FIRST: f32 = 65_536.0;
/// Steps without an overflow after which the factor doubles.
const PATIENCE: u32 = 2_000;
/// A loss that overflows at this factor does not do so because of it.
const LEAST: f32 = 1.0;

/// The factor and its history; torch's GradScaler has the same rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LossScale {
    /// `None` where gradients have the range of f32.
    factor: Option<f32>,
    good_steps: u32,
}

impl LossScale {
    /// Scales in f16 alone.
    pub fn new(precision: Compute) -> Self {
        Self {
            factor: (precision == Compute::F16).then_some(FIRST),
            good_steps: 0,
        }
    }

    /// The factor, if there is one.
    pub fn factor(&self) -> Option<f32> {
        self.factor
    }

    /// Hears whether the unscaled gradients of a step are finite; if not, the factor is
    /// halved and the step is to be left out.
    ///
    /// # Errors
    /// Gradients that overflow whatever their scale.
    pub fn judge(&mut self, finite: bool) -> Result<()> {
        let Some(factor) = self.factor else {
            return Ok(());
        };
        if finite {
            self.good_steps += 1;
            if self.good_steps == PATIENCE {
                self.good_steps = 0;
                self.factor = Some(factor * 2.0);
            }
            return Ok(());
        }
        if factor <= LEAST {
            bail!(
                "gradients overflow in f16 whatever their scale; set precision = \"bf16\" or \"f32\""
            );
        }
        self.good_steps = 0;
        self.factor = Some(factor / 2.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_backs_off_on_overflow_and_grows_back() -> Result<()> {
        let mut plain = LossScale::new(Compute::Bf16);
        plain.judge(false)?;
        assert_eq!(plain.factor(), None);
        let mut scale = LossScale::new(Compute::F16);
        scale.judge(true)?;
        scale.judge(false)?;
        assert_eq!(scale.factor(), Some(FIRST / 2.0));
        for _ in 0..PATIENCE {
            assert_eq!(scale.factor(), Some(FIRST / 2.0));
            scale.judge(true)?;
        }
        assert_eq!(scale.factor(), Some(FIRST));
        scale.factor = Some(LEAST);
        assert!(scale.judge(false).is_err());
        Ok(())
    }
}
