//! Adam as the paper trains with it.

use burn::module::AutodiffModule;
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{Adam, AdamConfig};
use burn::tensor::backend::AutodiffBackend;

use crate::config::OptimConfig;

/// Adam with weight decay added to the gradient (not AdamW), betas 0.9 and 0.999,
/// epsilon 1e-8.
pub fn adam<B: AutodiffBackend, M: AutodiffModule<B>>(
    config: &OptimConfig,
) -> OptimizerAdaptor<Adam, M, B> {
    let decay = (config.weight_decay > 0.0).then(|| WeightDecayConfig::new(config.weight_decay));
    AdamConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(decay)
        .init()
}
