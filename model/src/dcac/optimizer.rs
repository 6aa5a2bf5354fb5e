//! The optimiser that the paper trains with.

use burn::optim::AdamConfig;
use burn::optim::decay::WeightDecayConfig;

/// Adam with weight decay added to the gradient before the moments (not AdamW), betas 0.9
/// and 0.999, epsilon 1e-8. A parameter without a gradient stays where it is.
pub fn adam(weight_decay: f32) -> AdamConfig {
    let decay = (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay));
    AdamConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.999)
        .with_epsilon(1e-8)
        .with_weight_decay(decay)
}
