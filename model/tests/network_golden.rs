//! The networks and losses against transformers, diffusers, peft and torch.
//! Golden files: `tests/golden/make_networks.py`, `make_class_activation.py` and
//! `make_pairs.py`.
#![cfg(feature = "training")]

mod common;

use burn::module::Param;
use burn::optim::{GradientsParams, Optimizer};
use burn::prelude::*;
use common::golden::{Golden, assert_close, relative};
use common::{Cpu, Train, tiny};
use dcac_model::clip::{VisionTransformer, VitConfig, resize_positions};
use dcac_model::condition::Scheme;
use dcac_model::dcac::{Dcac, adam};
use dcac_model::diffusion::{
    Adapters, FineTune, LoraLinear, NoiseSchedule, Unet, UnetConfig, Vae, VaeConfig, VaeEncoder,
};
use dcac_model::loss::{
    MemoryUpdate, PrototypeMemory, contrastive_logits, cross_entropy, denoising_loss,
    identity_loss, pair_logits, pair_loss,
};
use dcac_model::nn::BatchNorm1d;
use dcac_model::reid::EncoderConfig;
use dcac_model::weights::{self, unet_to_diffusers, vae_to_diffusers};

#[test]
fn vision_tower() {
    let golden = Golden::open("vit");
    let config = VitConfig {
        height: 48,
        width: 24,
        patch: 8,
        stem: Vec::new(),
        residual: false,
        bands: 0,
        dim: 48,
        depth: 3,
        heads: 4,
        mlp_ratio: 4,
        embedding: 20,
    };
    let resized = resize_positions(&golden.floats("pos_embed"), 48, (4, 4), (6, 3));
    let error = relative(&resized, &golden.floats("pos_embed_resized"));
    assert!(error <= 1e-6, "positions: {error:e}");

    compare_towers(&golden, &config, |name| match name {
        "pos_embed" => None,
        "pos_embed_resized" => Some("pos_embed".to_string()),
        other => Some(other.to_string()),
    });
}

#[test]
fn stem() {
    let golden = Golden::open("stem");
    let config = VitConfig {
        height: 64,
        width: 32,
        patch: 16,
        stem: vec![8, 16, 24],
        residual: false,
        dim: 32,
        depth: 2,
        heads: 4,
        mlp_ratio: 2,
        bands: 0,
        embedding: 12,
    };
    compare_towers(&golden, &config, |name| Some(name.to_string()));

    let golden = Golden::open("bands");
    let config = VitConfig {
        residual: true,
        depth: 1,
        bands: 2,
        embedding: 10,
        ..config
    };
    compare_towers(&golden, &config, |name| Some(name.to_string()));
}

/// A file's tower beside ours of its weights, which `named` gives our names.
fn compare_towers(golden: &Golden, config: &VitConfig, named: fn(&str) -> Option<String>) {
    let bytes = golden.weights(|name| match name {
        "input" | "tokens" | "embedding" => None,
        weight => named(weight),
    });
    let tower = VisionTransformer::<Cpu>::new(config, &Default::default());
    let tower = weights::load(tower, &bytes, str::to_string).unwrap();
    let output = tower.forward(golden.tensor("input"));
    assert_close("tokens", output.tokens, golden, 1e-5);
    assert_close("embedding", output.embedding, golden, 1e-5);
}

fn prefixed(name: &str) -> Option<String> {
    name.strip_prefix("w.").map(str::to_string)
}

#[test]
fn unet() {
    let golden = Golden::open("unet");
    let config = UnetConfig {
        latent: 4,
        channels: vec![8, 16, 16],
        attention: vec![true, true, false],
        blocks: 2,
        heads: 4,
        context: 24,
        groups: 4,
    };
    let unet = Unet::<Cpu>::new(&config, Adapters::default(), &Default::default());
    let unet = weights::load(unet, &golden.weights(prefixed), unet_to_diffusers).unwrap();
    let timesteps = golden.indices("timestep");
    for tokens in [1, 5, 77] {
        let context = golden.tensor(&format!("context_{tokens}"));
        let output = unet.forward(golden.tensor("latent"), &timesteps, context);
        assert_close(&format!("output_{tokens}"), output, &golden, 1e-5);
    }
}

#[test]
fn vae_moments_and_sample() {
    let golden = Golden::open("vae");
    let config = VaeConfig {
        channels: vec![16, 16, 32],
        blocks: 2,
        groups: 8,
        latent: 4,
        scale: None,
    };
    let vae = VaeEncoder::<Cpu>::new(&config, &Default::default());
    let vae = weights::load(vae, &golden.weights(prefixed), vae_to_diffusers).unwrap();
    let moments = vae.forward(golden.tensor("input"));
    assert_close("mean", moments.mean.clone(), &golden, 1e-5);
    assert_close("logvar", moments.log_variance.clone(), &golden, 1e-5);
    let latent = moments.sample(golden.tensor("noise"), 0.18215);
    assert_close("latent", latent, &golden, 1e-5);
}

#[test]
fn autoencoder_and_its_losses() {
    let golden = Golden::open("autoencoder");
    let config = VaeConfig {
        channels: vec![8, 16],
        blocks: 1,
        groups: 4,
        latent: 3,
        scale: None,
    };
    let vae = Vae::<Cpu>::new(&config, &Default::default());
    let bytes = golden.weights(|name| {
        let name = name.strip_prefix("w.")?;
        let half = match name.split_once('.')?.0 {
            "encoder" | "quant_conv" => "encoder",
            _ => "decoder",
        };
        Some(format!("{half}.{name}"))
    });
    let vae = weights::load(vae, &bytes, vae_to_diffusers).unwrap();
    let (input, noise) = (golden.tensor("input"), golden.tensor("noise"));
    let latents = vae
        .encoder
        .forward(input.clone())
        .sample(noise.clone(), 1.0);
    assert_close("decoded", vae.decoder.forward(latents), &golden, 1e-5);
    let losses = vae.losses(input, noise);
    assert_close("reconstruction", losses.reconstruction, &golden, 1e-5);
    assert_close("divergence", losses.divergence, &golden, 1e-5);
}

#[test]
fn lora() {
    let golden = Golden::open("lora");
    for part in ["bias", "plain"] {
        let bytes = golden.weights(|name| match name.strip_prefix(part)?.strip_prefix('.')? {
            "a" => Some("lora_a".to_string()),
            "b" => Some("lora_b".to_string()),
            own @ ("weight" | "bias") => Some(own.to_string()),
            _ => None,
        });
        let layer = LoraLinear::<Cpu>::new(10, 6, part == "bias", 4, &Default::default());
        let layer = weights::load(layer, &bytes, str::to_string).unwrap();
        let input = golden.tensor::<Cpu, 3>(&format!("{part}.input"));
        let output = layer.forward(input.clone());
        assert_close(&format!("{part}.output"), output, &golden, 1e-5);
        let merged = layer.merge();
        assert_close(
            &format!("{part}.merged_output"),
            merged.forward(input),
            &golden,
            1e-5,
        );
        assert_close(
            &format!("{part}.merged_weight"),
            merged.weight.val(),
            &golden,
            1e-5,
        );
    }
}

#[test]
fn noised_latents_and_denoising_loss() {
    let golden = Golden::open("schedule");
    let schedule = NoiseSchedule::stable_diffusion();
    let expected = golden.doubles("alphas_cumprod");
    assert_eq!(schedule.steps(), expected.len());
    for (found, expected) in schedule.alphas_cumprod().iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < 1e-6);
    }
    let noised = schedule.add_noise(
        golden.tensor::<Cpu, 4>("x0"),
        golden.tensor("noise"),
        &golden.indices("timestep"),
    );
    assert_close("noised", noised, &golden, 1e-6);
    let loss = denoising_loss(golden.tensor::<Cpu, 4>("predicted"), golden.tensor("noise"));
    assert_close("loss", loss, &golden, 1e-6);
}

fn labels(indices: &[usize]) -> Tensor<Cpu, 1, Int> {
    let values: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

#[test]
fn losses() {
    let golden = Golden::open("losses");
    let targets = labels(&golden.indices("smoothing.targets"));
    let loss = identity_loss(golden.tensor("smoothing.logits"), targets, 0.1);
    assert_close("smoothing.loss", loss, &golden, 1e-6);

    let targets = golden.indices("prototype.targets");
    let z = golden.tensor("prototype.z");
    let logits = contrastive_logits(z, golden.tensor("prototype.memory"), 0.01);
    assert_close(
        "prototype.loss",
        cross_entropy(logits, labels(&targets)),
        &golden,
        1e-5,
    );
}

/// CLIP's loss over pairs, and where it leads.
#[test]
fn pairs() {
    let golden = Golden::open("pairs");
    let leaf = |name: &str| golden.tensor::<Train, 2>(name).require_grad();
    let (images, captions) = (leaf("images"), leaf("captions"));
    let scale = golden.tensor::<Train, 1>("scale").require_grad();
    let logits = pair_logits(images.clone(), captions.clone(), scale.clone());
    assert_close("logits", logits.clone().inner(), &golden, 1e-6);
    let loss = pair_loss(logits);
    assert_close("loss", loss.clone().inner(), &golden, 1e-6);
    let gradients = loss.backward();
    for (name, tensor) in [("images", images), ("captions", captions)] {
        let gradient = tensor.grad(&gradients).unwrap();
        assert_close(&format!("grad.{name}"), gradient, &golden, 1e-5);
    }
    let gradient = scale.grad(&gradients).unwrap();
    assert_close("grad.scale", gradient, &golden, 1e-5);
}

/// The centroids that an epoch starts from, and three steps of either update.
#[test]
fn memory() {
    let golden = Golden::open("losses");
    let labels = golden.indices("memory.labels");
    let start =
        PrototypeMemory::from_features(&golden.floats("memory.features"), 16, &labels, 7).unwrap();
    let error = relative(start.as_slice(), &golden.floats("memory.start"));
    assert!(error <= 1e-6, "{error:e}");

    let (z, targets) = (golden.floats("memory.z"), golden.indices("memory.targets"));
    for (update, name) in [(MemoryUpdate::Hard, "hard"), (MemoryUpdate::All, "all")] {
        let mut memory = start.clone();
        let expected = golden.floats(&format!("memory.{name}"));
        let steps = z.chunks(12 * 16).zip(targets.chunks(12));
        for ((z, targets), expected) in steps.zip(expected.chunks(7 * 16)) {
            memory.update(z, targets, 0.2, update);
            let error = relative(memory.as_slice(), expected);
            assert!(error <= 1e-6, "{name}: {error:e}");
        }
    }
}

#[test]
fn neck_statistics() {
    let golden = Golden::open("losses");
    let mut neck = BatchNorm1d::<Cpu>::new(6, &Default::default());
    neck.weight = Param::from_tensor(golden.tensor("neck.weight"));
    neck.bias = Param::from_tensor(golden.tensor("neck.bias"));
    for i in 0..3 {
        let (output, stats) = neck.forward_train(golden.tensor(&format!("neck.input_{i}")));
        neck = neck.absorb(&stats);
        assert_close(&format!("neck.output_{i}"), output, &golden, 1e-5);
        let (mean, variance) = (neck.running_mean.val(), neck.running_var.val());
        assert_close(&format!("neck.running_mean_{i}"), mean, &golden, 1e-5);
        assert_close(&format!("neck.running_var_{i}"), variance, &golden, 1e-5);
    }
    let output = neck.forward(golden.tensor("neck.input_eval"));
    assert_close("neck.output_eval", output, &golden, 1e-5);
}

/// The settings that the trainer uses.
#[test]
fn adam_with_coupled_weight_decay() {
    let golden = Golden::open("losses");
    let mut neck = BatchNorm1d::<Train>::new(10, &Default::default());
    neck.weight = Param::from_tensor(golden.tensor("adam.param_0"));
    let mut adam = adam(1e-4).init::<Train, BatchNorm1d<Train>>();
    for step in 1..=5 {
        let gradient = golden.tensor::<Train, 1>(&format!("adam.grad_{step}"));
        // The gradient of the weight in `sum(weight * g)` is g.
        let loss = (neck.weight.val() * gradient).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &neck);
        neck = adam.step(1e-3, neck, gradients);
        let weight = neck.weight.val().inner();
        assert_close(&format!("adam.param_{step}"), weight, &golden, 1e-6);
    }
}

#[test]
fn class_activation() {
    let golden = Golden::open("class_activation");
    let vit = VitConfig {
        height: 16,
        width: 12,
        patch: 4,
        stem: Vec::new(),
        residual: false,
        bands: 0,
        dim: 24,
        depth: 2,
        heads: 3,
        mlp_ratio: 2,
        embedding: 14,
    };
    let mut config = tiny(FineTune::Frozen, Scheme::Correlation);
    config.encoder = EncoderConfig::new(vit);
    config.diffusion = None;
    let bytes = golden.weights(|name| {
        let weight = name.starts_with("encoder.") || name.starts_with("classifier.");
        weight.then(|| name.to_string())
    });
    let model = Dcac::<Train>::new(&config, 5, &Default::default());
    let model = weights::load(model, &bytes, str::to_string).unwrap();
    let images = || golden.tensor("images");
    let predicted = model.class_activation(images(), None);
    assert_close("logits", predicted.logits, &golden, 1e-5);
    assert_close("maps.predicted", predicted.maps, &golden, 1e-5);
    let identity = model.class_activation(images(), Some(2));
    assert_close("maps.identity", identity.maps, &golden, 1e-5);
}
