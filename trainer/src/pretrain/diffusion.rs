//! A small latent diffusion model: first the VAE, then the U-Net on its latents.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use dcac_model::dcac::DiffusionConfig;
use dcac_model::diffusion::{Vae, VaeEncoder};
use dcac_model::pretrain::AttributeDenoiser;
use dcac_model::weights::{Precision, Values, unet_to_diffusers, vae_to_diffusers, values};
use serde_json::{Map, Value, json};

use super::command::Order;
use super::denoising::{self, Denoising, normals};
use super::figures::Means;
use super::lesson::{Lesson, Schooling};
use super::pictures::{Batch, Pictures};
use super::settings::{Course, TRAINING};
use crate::device::{Job, numbers};
use crate::synth::{ATTRIBUTES, attribute_values};
use crate::tensors::write_safetensors;
use crate::train::{deviation, latent_view};
use crate::{files, model_dir};

/// Pre-trains a VAE and a U-Net.
pub struct DiffusionJob(pub Order);

/// diffusers' name of a network's file.
const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
/// Weight of the posterior's divergence beside the reconstruction: enough to keep latents
/// near 0, too little to blur what they hold.
const DIVERGENCE: f64 = 1e-4;
/// Share of the pictures whose attributes the U-Net is not told.
const UNTOLD: f64 = 0.1;
/// Pictures that the latents' scale is measured on.
const MEASURED: usize = 256;

struct Storing<D> {
    latent: [usize; 3],
    seed: u64,
    device: D,
}

impl<B: AutodiffBackend> Lesson<B> for Storing<B::Device> {
    type Model = Vae<B>;
    const FIGURES: &'static [&'static str] = &["loss", "reconstruction", "divergence"];

    fn step(&self, model: &Self::Model, batch: &Batch, step: u64) -> Vec<Tensor<B, 1>> {
        let images = batch.pixels::<B>(&self.device);
        let noise = normals(
            self.latent,
            images.dims()[0],
            self.seed,
            "vae",
            step,
            &self.device,
        );
        let losses = model.losses(images, noise);
        let loss = losses.reconstruction.clone() + losses.divergence.clone() * DIVERGENCE;
        vec![loss, losses.reconstruction, losses.divergence]
    }
}

impl Job for DiffusionJob {
    type Output = ();

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<()>
    where
        B::Device: 'static,
    {
        let order = &self.0;
        let diffusion = (order.config.model.diffusion.as_ref()).context("no [diffusion]")?;
        let &[of_vae, of_unet] = order.settings.courses.as_slice() else {
            bail!("expected a course of the VAE and one of the U-Net");
        };
        println!(
            "VAE: {} steps, U-Net: {} steps, of {} pictures of people of {}",
            of_vae.steps,
            of_unet.steps,
            of_vae.batch,
            order.settings.domains.join(", ")
        );
        let mut facts = Map::new();
        let vae = order.vae::<B>(diffusion, of_vae, device, &mut facts)?;
        order.unet::<B>(diffusion, of_unet, vae, device, &mut facts)?;
        order.describe(diffusion, facts)?;
        let out = order.out.display();
        println!(
            "\nweights     {out}/vae, {out}/unet\nlosses      {out}/{TRAINING}/vae/metrics.jsonl, {out}/{TRAINING}/unet/metrics.jsonl\ntraining    trainer train ... --set weights.sd={out}"
        );
        Ok(())
    }
}

impl Order {
    /// The VAE's encoder, taught or as an earlier start of this pre-training has left it.
    fn vae<B: AutodiffBackend>(
        &self,
        config: &DiffusionConfig,
        course: Course,
        device: &B::Device,
        facts: &mut Map<String, Value>,
    ) -> Result<VaeEncoder<B::InnerBackend>> {
        B::seed(device, self.settings.seed);
        let model = Vae::<B>::new(&config.vae, device);
        let lesson = Storing {
            latent: latent(config),
            seed: self.settings.seed,
            device: device.clone(),
        };
        let pictures = self.pictures(config, course, 0.0)?;
        let folder = self.out.join(TRAINING).join("vae");
        let schooling = self.schooling("VAE", &folder, course);
        let (model, figures) = schooling.teach(&lesson, model, pictures, device)?;
        note(facts, "vae", figures);
        let model = model.valid();
        // The method knows encoder and decoder apart, diffusers as one.
        let whole = |name: &str| {
            let within = name.split_once('.').map_or(name, |(_, within)| within);
            vae_to_diffusers(within)
        };
        write(&self.out.join("vae"), values(&model), whole)?;
        Ok(model.encoder)
    }

    /// Teaches the U-Net.
    fn unet<B: AutodiffBackend>(
        &self,
        config: &DiffusionConfig,
        course: Course,
        vae: VaeEncoder<B::InnerBackend>,
        device: &B::Device,
        facts: &mut Map<String, Value>,
    ) -> Result<()> {
        let scale = match config.vae.scale {
            Some(scale) => scale,
            None => self.measure(config, course, &vae, device)?,
        };
        facts.insert("scale".into(), json!(scale));
        println!("latents scaled by {scale:.5}");
        B::seed(device, self.settings.seed);
        let model = AttributeDenoiser::<B>::new(&config.unet, attribute_values(), device);
        let lesson = Denoising {
            vae,
            scale,
            latent: latent(config),
            seed: self.settings.seed,
            device: device.clone(),
        };
        let pictures = self.pictures(config, course, UNTOLD)?;
        let folder = self.out.join(TRAINING).join("unet");
        let schooling = self.schooling("U-Net", &folder, course);
        let (model, figures) = schooling.teach(&lesson, model, pictures, device)?;
        note(facts, "unet", figures);
        let model = model.valid();
        // Of pictures that come after the last step's.
        let mut pictures = self.pictures(config, course, 0.0)?;
        let worth = denoising::worth(&lesson, &model, &mut pictures, course.steps)?;
        println!("{worth}");
        facts.insert("attributes_told".into(), json!(worth));
        write(
            &self.out.join("unet"),
            values(&model.unet),
            unet_to_diffusers,
        )
    }

    /// What brings latents to unit variance, as training measures it.
    fn measure<B: Backend>(
        &self,
        config: &DiffusionConfig,
        course: Course,
        vae: &VaeEncoder<B>,
        device: &B::Device,
    ) -> Result<f64> {
        let mut pictures = self.pictures(config, course, 0.0)?;
        let mut means: Vec<f32> = Vec::new();
        for step in 0..MEASURED.div_ceil(course.batch) as u64 {
            let moments = vae.forward(pictures.batch(step)?.pixels(device));
            means.extend(numbers(moments.mean)?);
        }
        Ok(1.0 / deviation(&means))
    }

    fn pictures(&self, config: &DiffusionConfig, course: Course, untold: f64) -> Result<Pictures> {
        Pictures::new(
            &self.settings,
            course.batch,
            latent_view(config),
            None,
            untold,
        )
    }

    fn schooling<'a>(&self, name: &'static str, folder: &'a Path, course: Course) -> Schooling<'a> {
        Schooling {
            name,
            folder,
            course,
            go_on: self.go_on(),
        }
    }

    /// Writes the manifest, which says that both networks are there.
    fn describe(&self, config: &DiffusionConfig, facts: Map<String, Value>) -> Result<()> {
        let names: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        let provenance = json!({
            "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
            "method": "latent diffusion model taught on drawn people, conditioned on their attributes in one token",
            "settings": self.settings,
            "attributes": names,
            "last_steps": facts,
        });
        let sizes = json!({ "image": config.image, "vae": config.vae, "unet": config.unet });
        let manifest = json!({ "sizes": sizes, "provenance": provenance });
        files::write_json(&self.out.join(model_dir::MANIFEST), &manifest)?;
        let [vae, unet] = ["vae", "unet"].map(|part| format!("{part}/{WEIGHTS}"));
        model_dir::promise(&self.out, &[&vae, &unet])
    }
}

/// `[channels, height, width]`.
fn latent(config: &DiffusionConfig) -> [usize; 3] {
    let side = config.latent_side();
    [config.vae.latent, side, side]
}

fn note(facts: &mut Map<String, Value>, part: &str, figures: Means) {
    for (name, value) in figures {
        facts.insert(format!("{part} {name}"), json!(value));
    }
}

/// Writes a network as diffusers lays it out.
fn write(folder: &Path, mut tensors: Vec<Values>, rename: impl Fn(&str) -> String) -> Result<()> {
    for tensor in &mut tensors {
        tensor.name = rename(&tensor.name);
    }
    files::write_with(&folder.join(WEIGHTS), |draft| {
        write_safetensors(draft, &tensors, Precision::F32, || ())
    })
}
