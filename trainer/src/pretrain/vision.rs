//! A vision tower that is taught from attributes.

use anyhow::{Context, Result};
use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use dcac_model::image::Resampling;
use dcac_model::pretrain::{ImageAttributePairs, Matched};
use dcac_model::weights::Precision;
use serde_json::json;

use super::command::Order;
use super::lesson::{Lesson, Schooling};
use super::pictures::{Batch, Pictures};
use super::settings::TRAINING;
use crate::device::Job;
use crate::model_dir::{self, Format};
use crate::synth::{ATTRIBUTES, attribute_values};

/// Pre-trains a vision tower.
pub struct VisionJob(pub Order);

struct Pairs<D>(D);

impl<B: AutodiffBackend> Lesson<B> for Pairs<B::Device> {
    type Model = ImageAttributePairs<B>;
    const FIGURES: &'static [&'static str] = &[
        "loss", "pairs", "matched", "people", "found", "words", "named",
    ];

    fn step(&self, model: &Self::Model, batch: &Batch, _step: u64) -> Vec<Tensor<B, 1>> {
        let sizes = ATTRIBUTES.each_ref().map(|attribute| attribute.values);
        let matched = model.forward(batch.pixels(&self.0), batch.marks(&self.0), &sizes);
        let Matched {
            told,
            people,
            named,
        } = matched;
        let loss = told.loss.clone() + people.loss.clone() + named.loss.clone();
        vec![
            loss,
            told.loss,
            told.accuracy,
            people.loss,
            people.accuracy,
            named.loss,
            named.accuracy,
        ]
    }

    fn settle(&self, model: Self::Model) -> Self::Model {
        model.clamp_scale()
    }
}

impl Job for VisionJob {
    type Output = ();

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<()>
    where
        B::Device: 'static,
    {
        let Order {
            config,
            settings,
            out,
        } = &self.0;
        let course = *settings.courses.first().context("no course is set")?;
        let encoder = &config.model.encoder;
        let mut view = encoder.preprocess.clone();
        // Training sees pictures in the one resize of the method, whatever a test uses.
        view.resize = Resampling::Bicubic;
        let augment = Some(config.augment.clone());
        let pictures = Pictures::new(settings, course.batch, view, augment, 0.0)?;
        println!(
            "vision tower: {} steps of {} pictures of people of {}",
            course.steps,
            course.batch,
            settings.domains.join(", ")
        );
        B::seed(device, config.seed);
        let folder = out.join(TRAINING);
        let schooling = Schooling {
            name: "vision tower",
            folder: &folder,
            course,
            go_on: self.0.go_on(),
        };
        let model = ImageAttributePairs::<B>::new(encoder, attribute_values(), device);
        let lesson = Pairs(device.clone());
        let (model, figures) = schooling.teach(&lesson, model, pictures, device)?;

        let names: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        let figures: serde_json::Map<_, _> = (figures.into_iter())
            .map(|(name, value)| (name.to_string(), json!(value)))
            .collect();
        let provenance = json!({
            "program": concat!("trainer ", env!("CARGO_PKG_VERSION")),
            "method": "vision tower taught from attributes of drawn people by CLIP's loss, not trained for re-ID",
            "settings": settings,
            "attributes": names,
            "last_steps": figures,
        });
        let bytes = model_dir::write(
            out,
            &model.valid().encoder,
            encoder,
            Format::Safetensors,
            Precision::F32,
            model_dir::facts(json!([]), provenance),
        )?;
        let out = out.display();
        println!(
            "\nweights     {out} ({bytes} bytes)\nlosses      {out}/{TRAINING}/metrics.jsonl\ntraining    trainer train ... --set weights.clip={out}\nas it is    trainer evaluate --model {out} --data market1501=DIR"
        );
        Ok(())
    }
}
