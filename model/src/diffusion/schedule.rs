//! The forward diffusion process.

use burn::prelude::*;

/// Cumulative products of a noise schedule, `alpha_bar[t]` for t = 0..steps.
#[derive(Clone, Debug)]
pub struct NoiseSchedule {
    alphas_cumprod: Vec<f64>,
}

impl NoiseSchedule {
    /// Stable Diffusion's schedule ("scaled linear"): 1,000 steps with betas
    /// `linspace(sqrt(8.5e-4), sqrt(0.012))^2`, computed in double precision.
    pub fn stable_diffusion() -> Self {
        const STEPS: usize = 1000;
        let (first, last) = (8.5e-4_f64.sqrt(), 0.012_f64.sqrt());
        let alphas_cumprod = (0..STEPS)
            .scan(1.0, |product, t| {
                let root = first + (last - first) * t as f64 / (STEPS - 1) as f64;
                *product *= 1.0 - root * root;
                Some(*product)
            })
            .collect();
        Self { alphas_cumprod }
    }

    /// Number of steps T.
    pub fn steps(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// `alpha_bar[t]` for every t.
    pub fn alphas_cumprod(&self) -> &[f64] {
        &self.alphas_cumprod
    }

    /// `F_t = sqrt(alpha_bar_t) F_0 + sqrt(1 - alpha_bar_t) eps` (Equation 10),
    /// for latents and noise `[B, C, H, W]` and one timestep per sample, each
    /// below [`Self::steps`].
    pub fn add_noise<B: Backend>(
        &self,
        latents: Tensor<B, 4>,
        noise: Tensor<B, 4>,
        timesteps: &[usize],
    ) -> Tensor<B, 4> {
        let device = latents.device();
        let coefficients = |f: fn(f64) -> f64| {
            let values: Vec<f32> = timesteps
                .iter()
                .map(|&t| f(self.alphas_cumprod[t]) as f32)
                .collect();
            let rows = values.len();
            Tensor::<B, 4>::from_data(TensorData::new(values, [rows, 1, 1, 1]), &device)
        };
        latents * coefficients(f64::sqrt) + noise * coefficients(|a| (1.0 - a).sqrt())
    }
}
