//! Where gradients flow, and what a step moves.
#![cfg(feature = "training")]

mod common;

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::*;
use common::{Cpu, Train, batch, tiny};
use dcac_model::condition::Scheme;
use dcac_model::dcac::{Dcac, DcacConfig};
use dcac_model::diffusion::{Adapters, FineTune, NoiseSchedule, Unet};
use std::collections::BTreeMap;

const IDENTITIES: usize = 6;

/// Largest absolute gradient per parameter path; absent where there is none.
fn gradients(model: &Dcac<Train>, gradients: &GradientsParams) -> BTreeMap<String, f32> {
    struct Reader<'a> {
        path: Vec<String>,
        gradients: &'a GradientsParams,
        found: BTreeMap<String, f32>,
    }
    impl ModuleVisitor<Train> for Reader<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_string());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Train, D>>) {
            if let Some(gradient) = self.gradients.get::<Cpu, D>(param.id) {
                let largest = gradient.abs().max().into_scalar();
                self.found.insert(self.path.join("."), largest);
            }
        }
    }
    let mut reader = Reader {
        path: Vec::new(),
        gradients,
        found: BTreeMap::new(),
    };
    model.visit(&mut reader);
    reader.found
}

/// Every parameter's values by path.
fn values(model: &Dcac<Cpu>) -> BTreeMap<String, Vec<f32>> {
    struct Reader {
        path: Vec<String>,
        found: BTreeMap<String, Vec<f32>>,
    }
    impl ModuleVisitor<Cpu> for Reader {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_string());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Cpu, D>>) {
            let values = param.val().into_data().to_vec().unwrap();
            self.found.insert(self.path.join("."), values);
        }
    }
    let mut reader = Reader {
        path: Vec::new(),
        found: BTreeMap::new(),
    };
    model.visit(&mut reader);
    reader.found
}

fn model(config: &DcacConfig) -> Dcac<Train> {
    config.validate().unwrap();
    <Train as Backend>::seed(&Default::default(), 7);
    Dcac::new(config, IDENTITIES, &Default::default())
}

fn denoising_gradients(config: &DcacConfig) -> BTreeMap<String, f32> {
    let model = model(config);
    let (batch, memory) = batch(config, IDENTITIES);
    let schedule = NoiseSchedule::stable_diffusion();
    let output = model.forward(config, &schedule, batch, memory);
    let loss = output.diffusion.expect("a diffusion model is configured");
    gradients(
        &model,
        &GradientsParams::from_grads(loss.backward(), &model),
    )
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
        let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
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
    let bytes =
        dcac_model::weights::save(&adapted, dcac_model::weights::Precision::F32, &[]).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let plain: Vec<_> = tensors
        .iter()
        .filter(|(name, _)| !name.contains("lora_"))
        .collect();
    assert!(plain.len() < tensors.len());
    let bytes = safetensors::serialize(plain, None).unwrap();
    let plain = Unet::<Cpu>::new(&config.unet, Adapters::default(), &device);
    let plain = dcac_model::weights::load(plain, bytes, &[]).unwrap();

    let side = config.latent_side();
    let normal = burn::tensor::Distribution::Normal(0.0, 1.0);
    let x = Tensor::<Cpu, 4>::random([2, config.unet.latent, side, side], normal, &device);
    let c = Tensor::<Cpu, 3>::random([2, 3, config.unet.context], normal, &device);
    let run = |unet: &Unet<Cpu>| unet.forward(x.clone(), &[1, 900], c.clone()).into_data();
    assert_eq!(run(&adapted), run(&plain));
}
