//! Where gradients flow, and what a step moves.
#![cfg(feature = "training")]

mod common;

use burn::module::AutodiffModule;
use burn::optim::{GradientsParams, Optimizer};
use burn::prelude::*;
use common::parameters::{gradients, largest, values};
use common::{Cpu, Train, batch, tiny};
use dcac_model::condition::Scheme;
use dcac_model::dcac::{Dcac, DcacConfig, adam};
use dcac_model::diffusion::{Adapters, FineTune, NoiseSchedule, Unet};
use std::collections::BTreeMap;

const IDENTITIES: usize = 6;

fn model(config: &DcacConfig) -> Dcac<Train> {
    config.validate().unwrap();
    <Train as Backend>::seed(&Default::default(), 7);
    Dcac::new(config, IDENTITIES, &Default::default())
}

/// The largest absolute value of every gradient.
fn denoising_gradients(config: &DcacConfig) -> BTreeMap<String, f32> {
    let model = model(config);
    let (batch, memory) = batch(config, IDENTITIES);
    let schedule = NoiseSchedule::stable_diffusion();
    let output = model.forward(config, &schedule, batch, memory);
    let loss = output.diffusion.expect("a diffusion model is configured");
    let found = GradientsParams::from_grads(loss.backward(), &model);
    (gradients(&model, &found).into_iter())
        .map(|(name, gradient)| (name, largest(&gradient)))
        .collect()
}

#[test]
fn the_denoising_loss_reaches_the_encoder_through_the_condition() {
    let found = denoising_gradients(&tiny(FineTune::Frozen, Scheme::Correlation));
    for path in [
        "guidance.condition.prompts",
        "classifier.fc.weight",
        "encoder.neck.weight",
        "encoder.vit.head.weight",
        "encoder.vit.blocks.0.attn.qkv.weight",
        "encoder.vit.pos_embed",
    ] {
        let gradient = found.get(path).copied().unwrap_or(0.0);
        assert!(
            gradient > 0.0,
            "{path} gets no gradient from the denoising loss"
        );
    }
    let unet = found.keys().find(|path| path.starts_with("guidance.unet."));
    assert_eq!(unet, None, "the frozen U-Net gets a gradient");
}

#[test]
fn class_wise_conditions_cut_the_encoder_off() {
    let found = denoising_gradients(&tiny(FineTune::Frozen, Scheme::Class));
    assert!(found["guidance.condition.prompts"] > 0.0);
    let reached: Vec<_> = (found.iter())
        .filter(|(path, gradient)| path.starts_with("encoder.") && **gradient > 0.0)
        .collect();
    assert!(reached.is_empty(), "{reached:?}");
}

#[test]
fn instance_wise_conditions_pass_the_classifier_by() {
    let found = denoising_gradients(&tiny(FineTune::Frozen, Scheme::Instance));
    assert!(found["encoder.vit.head.weight"] > 0.0);
    assert_eq!(
        found.get("classifier.fc.weight").copied().unwrap_or(0.0),
        0.0
    );
}

#[test]
fn a_step_moves_what_is_trained_and_nothing_else() {
    for mode in [
        FineTune::Frozen,
        FineTune::Lora,
        FineTune::Partial1,
        FineTune::Partial2,
        FineTune::Full,
    ] {
        let config = tiny(mode, Scheme::Correlation);
        let model = model(&config);
        let (batch, memory) = batch(&config, IDENTITIES);
        let schedule = NoiseSchedule::stable_diffusion();
        let output = model.forward(&config, &schedule, batch, memory);
        let grads = GradientsParams::from_grads(output.total.backward(), &model);
        let before = values(&model.valid());
        let mut adam = adam(0.0).init();
        let after = values(&adam.step(1e-2, model, grads).valid());

        for (path, old) in &before {
            let moved = &after[path] != old;
            assert!(
                !moved || config.trains(path),
                "{mode:?}: frozen {path} moved"
            );
            // Attention to a single token has the same result whatever query and key,
            // and LoRA's A waits for B to leave zero.
            let idle = path.contains("attn2.to_q")
                || path.contains("attn2.to_k")
                || path.contains(".norm2.")
                || path.ends_with("lora_a");
            if config.trains(path) && !idle {
                assert!(moved, "{mode:?}: {path} did not move");
            }
        }
    }
}

#[test]
fn the_memory_and_the_batch_receive_no_gradient_from_each_other() {
    let config = tiny(FineTune::Lora, Scheme::Correlation);
    let model = model(&config);
    let (batch, memory) = batch(&config, IDENTITIES);
    let memory = memory.require_grad();
    let schedule = NoiseSchedule::stable_diffusion();
    let output = model.forward(&config, &schedule, batch, memory.clone().detach());
    let grads = output.total.backward();
    assert!(memory.grad(&grads).is_none());
}

#[test]
fn lora_starts_as_the_identity_and_merges() {
    let device = Default::default();
    let config = tiny(FineTune::Lora, Scheme::Correlation).diffusion.unwrap();
    <Cpu as Backend>::seed(&device, 3);
    let adapters = Adapters {
        attention: 4,
        output: 4,
        bias: false,
    };
    let adapted = Unet::<Cpu>::new(&config.unet, adapters, &device);
    // The same weights without adapters.
    let bytes = dcac_model::weights::save(
        &adapted,
        dcac_model::weights::Precision::F32,
        str::to_string,
    )
    .unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let plain: Vec<_> = tensors
        .iter()
        .filter(|(name, _)| !name.contains("lora_"))
        .collect();
    assert!(plain.len() < tensors.len());
    let bytes = safetensors::serialize(plain, None).unwrap();
    let plain = Unet::<Cpu>::new(&config.unet, Adapters::default(), &device);
    let plain = dcac_model::weights::load(plain, &bytes, str::to_string).unwrap();

    let side = config.latent_side();
    let normal = burn::tensor::Distribution::Normal(0.0, 1.0);
    let x = Tensor::<Cpu, 4>::random([2, config.unet.latent, side, side], normal, &device);
    let c = Tensor::<Cpu, 3>::random([2, 3, config.unet.context], normal, &device);
    let run = |unet: &Unet<Cpu>| unet.forward(x.clone(), &[1, 900], c.clone()).into_data();
    assert_eq!(run(&adapted), run(&plain));
}
