//! From a wish for a model to an engine.

use super::download::Failure;
use super::engine::Engine;
use super::model::{self, Model};
use super::pool::Pool;
use super::{adapter, memory, post};
use crate::models;
use crate::protocol::{Backend, Choice, ModelEntry, Reply, Start, Started};

/// Loads what `start` asks for and starts encoders with it. Where a model is too large for the
/// device, the site's smallest takes its place.
pub async fn start(start: &Start) -> Result<(Engine, Started), String> {
    let models = models::list(&start.base).await;
    let (loaded, notice) = load(start, &models).await?;
    let device = Device::choose(start.backend).await;
    let weights = u64::from(loaded.weights.length());
    let count = match device.program {
        GPU => 1,
        _ => memory::encoders(weights, start.taken),
    };
    let pool = Pool::start(
        &start.base,
        device.program,
        count,
        &loaded.config,
        &loaded.weights,
    )
    .await
    .map_err(|error| {
        format!(
            "the weights of {} cannot be used: {error}",
            loaded.card.name
        )
    })?;
    let engine = match count {
        1 => device.name,
        count => format!("{} × {count}", device.name),
    };
    let started = Started {
        engine,
        notice: notice.or(device.notice),
        memory: pool.memory,
        model: loaded.card,
    };
    let digest = started.model.digest.clone();
    let engine = Engine::new(pool, loaded.config.vit, digest, loaded.classifier).await;
    Ok((engine, started))
}

async fn load(
    start: &Start,
    models: &Result<Vec<ModelEntry>, String>,
) -> Result<(Model, Option<String>), String> {
    let arrived = |bytes, total| post(&Reply::Loading { bytes, total });
    match model::load(start, models, &start.model, arrived).await {
        Ok(model) => Ok((model, None)),
        Err(Failure::Other(reason)) => Err(reason),
        Err(Failure::Memory) => {
            let small = (models.iter().flatten())
                .min_by_key(|entry| entry.bytes)
                .ok_or("this device has not enough memory for that model")?;
            let choice = Choice::Named(small.name.clone());
            if start.model == choice {
                return Err("this device has not enough memory for any model of this site".into());
            }
            let notice = format!(
                "This device has not enough memory for that model, so the small one computes: {}.",
                small.title
            );
            match model::load(start, models, &choice, arrived).await {
                Ok(model) => Ok((model, Some(notice))),
                Err(Failure::Other(reason)) => Err(reason),
                Err(Failure::Memory) => {
                    Err("this device has not enough memory for any model of this site".into())
                }
            }
        }
    }
}

const GPU: &str = "dcac-gpu";

/// What embeds.
struct Device {
    program: &'static str,
    /// In words.
    name: String,
    /// Why it is not what was asked for.
    notice: Option<String>,
}

impl Device {
    async fn choose(backend: Backend) -> Self {
        if backend == Backend::Cpu {
            return Self::cpu(None);
        }
        match adapter::find().await {
            Some(adapter) if backend == Backend::WebGpu || !adapter.software => Self {
                program: GPU,
                name: match adapter.name.as_str() {
                    "" => "WebGPU".to_string(),
                    name => format!("WebGPU ({name})"),
                },
                notice: None,
            },
            None if backend == Backend::WebGpu => Self::cpu(Some(
                "This browser offers no WebGPU adapter, so the CPU computes instead.".to_string(),
            )),
            // The imitation of a GPU is many times slower than the CPU itself.
            _ => Self::cpu(None),
        }
    }

    fn cpu(notice: Option<String>) -> Self {
        let (program, name) = match adapter::has_relaxed_simd() {
            true => ("dcac-cpu-relaxed", "CPU (SIMD, fused multiply-add)"),
            false => ("dcac-cpu", "CPU (SIMD)"),
        };
        Self {
            program,
            name: name.to_string(),
            notice,
        }
    }
}
