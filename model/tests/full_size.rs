//! CLIP ViT-B/16 and Stable Diffusion v1.5 as imported, against PyTorch. Models and
//! expected values: `tests/golden/full_size.py`; `cargo xtask parity --full` makes and
//! imports them and runs this.
#![cfg(feature = "training")]

mod common;

use std::rc::Rc;

use burn::module::Module;
use burn::prelude::*;
use common::Cpu;
use common::golden::{Golden, relative};
use dcac_model::clip::VitConfig;
use dcac_model::diffusion::{Adapters, Unet, UnetConfig, VaeConfig, VaeEncoder};
use dcac_model::image::{Pixels, decode};
use dcac_model::reid::{EncoderConfig, ReidEncoder};
use dcac_model::weights::{Layout, Place, Values, assign, shapes};

/// Relative error of f32 at the size of the published models.
const BOUND: f32 = 1e-3;

fn folder() -> String {
    std::env::var("DCAC_FULL_SIZE").expect("DCAC_FULL_SIZE names the folder of the models")
}

fn expected() -> Golden {
    Golden::at(&format!("{}/expected.safetensors", folder()))
}

fn compare<const D: usize>(what: &str, found: Tensor<Cpu, D>, expected: &Golden) {
    let found: Vec<f32> = found.into_data().to_vec().unwrap();
    let error = relative(&found, &expected.floats(what));
    println!("{what:>14}: relative error {error:.1e}, bound {BOUND:.0e}");
    assert!(error <= BOUND, "{what}");
}

/// A module with the weights of a file of diffusers' names.
fn load<M: Module<Cpu>>(module: M, file: &str, layout: Layout, prefix: &str) -> M {
    let stored = Rc::new(Golden::at(&format!("{}/{file}", folder())));
    let wanted = shapes(&module);
    let values = stored.names().into_iter().map(|theirs| {
        let Place::Ours { name, .. } = layout.place(&theirs, 2) else {
            panic!("{theirs} has no place");
        };
        let name = name.strip_prefix(prefix).unwrap().to_string();
        let stored = stored.clone();
        Values {
            shape: wanted[&name].clone(),
            name,
            read: Box::new(move || Ok(stored.floats(&theirs))),
        }
    });
    let values: Vec<Values> = values.collect();
    assert_eq!(values.len(), wanted.len());
    assign(module, values).unwrap()
}

#[test]
#[ignore = "needs the full-size models"]
fn clip_vit_b_16() {
    let config = EncoderConfig::new(VitConfig::vit_b_16());
    let bytes = std::fs::read(format!("{}/clip/model.safetensors", folder())).unwrap();
    let encoder = ReidEncoder::<Cpu>::load(&config, &bytes, &Default::default()).unwrap();
    let crop = std::fs::read(format!("{}/crop.png", folder())).unwrap();
    let crop: Pixels = decode(&crop).unwrap();
    let mut pixels = vec![0.0; config.preprocess.len()];
    config.preprocess.apply(&crop, &mut pixels);
    let data = TensorData::new(pixels, [1, 3, 256, 128]);
    let images = Tensor::from_data(data, &Default::default());
    let features = encoder.features(images);
    compare("embedding", features.embedding, &expected());
    compare("patches", features.patches, &expected());
}

#[test]
#[ignore = "needs the full-size models"]
fn stable_diffusion_vae() {
    let vae = VaeEncoder::<Cpu>::new(&VaeConfig::sd_1_5(), &Default::default());
    let file = "sd/vae/diffusion_pytorch_model.safetensors";
    let vae = load(vae, file, Layout::DiffusersVae, "vae.");
    let expected = expected();
    let moments = vae.forward(expected.tensor("images"));
    compare("mean", moments.mean, &expected);
    compare("log_variance", moments.log_variance, &expected);
}

#[test]
#[ignore = "needs the full-size models"]
fn stable_diffusion_unet() {
    let config = UnetConfig::sd_1_5();
    let unet = Unet::<Cpu>::new(&config, Adapters::default(), &Default::default());
    let file = "sd/unet/diffusion_pytorch_model.safetensors";
    let unet = load(unet, file, Layout::DiffusersUnet, "guidance.unet.");
    let expected = expected();
    let timesteps = expected.indices("timesteps");
    for tokens in [1, 77] {
        let context = expected.tensor(&format!("context_{tokens}"));
        let noise = unet.forward(expected.tensor("latents"), &timesteps, context);
        compare(&format!("noise_{tokens}"), noise, &expected);
    }
}
