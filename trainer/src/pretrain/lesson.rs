//! One network learns: steps, rates, progress, checkpoints.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burn::module::AutodiffModule;
use burn::optim::{GradientsParams, Optimizer};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use dcac_model::dcac::adam;
use indicatif::HumanDuration;

use super::ahead::Ahead;
use super::checkpoint::Standing;
use super::figures::{Figures, Means};
use super::pictures::{Batch, Pictures};
use super::settings::Course;
use crate::device::among_workers;
use crate::progress;
use crate::stop::{self, Stopped};
use crate::train::gradients;

/// What is taught.
pub trait Lesson<B: AutodiffBackend>: Sync {
    /// The network.
    type Model: AutodiffModule<B>;
    /// Names of what [`Self::step`] measures, the loss that is minimised first.
    const FIGURES: &'static [&'static str];
    /// Figures of a batch.
    fn step(&self, model: &Self::Model, batch: &Batch, step: u64) -> Vec<Tensor<B, 1>>;
    /// What is done to the network after a step of the optimiser.
    fn settle(&self, model: Self::Model) -> Self::Model {
        model
    }
}

/// Where and how a network learns.
pub struct Schooling<'a> {
    /// What it is called.
    pub name: &'static str,
    /// Folder of its logs and checkpoints.
    pub folder: &'a Path,
    /// Length and rate.
    pub course: Course,
    /// How the user goes on after a stop.
    pub go_on: String,
}

/// Norm that gradients are clipped to.
const CLIP_NORM: f32 = 1.0;
/// Time from one checkpoint to the next.
const SAVE_EVERY: Duration = Duration::from_secs(300);
/// Lines that a course prints.
const LINES: u64 = 20;

impl Schooling<'_> {
    /// Teaches `model` from its start or its last checkpoint to the end. Returns it with the
    /// figures of the last lines' steps.
    ///
    /// # Errors
    /// [`Stopped`] where the user stopped it; a loss that is not finite; a full disk.
    pub fn teach<B: AutodiffBackend, L: Lesson<B>>(
        &self,
        lesson: &L,
        model: L::Model,
        mut pictures: Pictures,
        device: &B::Device,
    ) -> Result<(L::Model, Means)> {
        let start = Standing {
            model,
            optimizer: adam(0.0).init(),
            step: 0,
            seconds: 0.0,
        };
        let mut at = start.resume(self.folder, device)?;
        let course = self.course;
        let mut figures = Figures::open(self.folder, L::FIGURES, at.step)?;
        let batches = Ahead::start(at.step..course.steps, move |step| pictures.batch(step))?;
        let every = course.steps.div_ceil(LINES).max(1);
        let bar = progress::bar(self.name, course.steps as usize);
        bar.set_position(at.step);
        let (before, started, mut saved) = (at.seconds, Instant::now(), Instant::now());
        while at.step < course.steps {
            let clock = Instant::now();
            let batch = batches.next()?;
            let values =
                among_workers::<B, _>(device, || self.advance(lesson, &mut at, &batch, &figures))?;
            at.seconds = before + started.elapsed().as_secs_f64();
            let speed = course.batch as f64 / clock.elapsed().as_secs_f64();
            let step = at.step;
            figures.add(step, course.rate_at(step), &values, speed)?;
            bar.set_message(format!("{}  {speed:.0} pictures/s", figures.last(&values)));
            bar.inc(1);
            let last = step == course.steps;
            if last || step.is_multiple_of(every) {
                let left = at.seconds * (course.steps - step) as f64 / step as f64;
                let left = HumanDuration(Duration::from_secs(left as u64));
                let line = figures.line();
                bar.suspend(|| {
                    println!(
                        "{} {step:6}/{}  {line}  {left} left",
                        self.name, course.steps
                    )
                });
            }
            let stopping = stop::requested() && !last;
            if last || stopping || saved.elapsed() > SAVE_EVERY {
                figures.flush()?;
                at.save(self.folder)?;
                saved = Instant::now();
            }
            if stopping {
                return Err(Stopped {
                    after: format!("step {step} of the {}", self.name),
                    go_on: self.go_on.clone(),
                }
                .into());
            }
        }
        bar.finish_and_clear();
        Ok((at.model, figures.summary()))
    }

    /// One step; gives what it measured.
    fn advance<B: AutodiffBackend, L: Lesson<B>>(
        &self,
        lesson: &L,
        at: &mut Standing<B, L::Model>,
        batch: &Batch,
        figures: &Figures,
    ) -> Result<Vec<f32>> {
        let step = at.step + 1;
        let rate = self.course.rate_at(step);
        let measured = lesson.step(&at.model, batch, step);
        let loss = measured.first().context("a lesson without a loss")?;
        let found = GradientsParams::from_grads(loss.backward(), &at.model);
        // Read only now: whoever reads waits, and the device would wait for the backward pass.
        let values = figures.read(measured)?;
        if !values[0].is_finite() {
            bail!(
                "the loss of step {step} is not finite; lower --rate, now at {rate:.1e} of at most {:.1e}",
                self.course.rate
            );
        }
        let found = clipped(found, &at.model)?;
        let model = at.optimizer.step(rate, at.model.clone(), found);
        at.model = lesson.settle(model);
        at.step = step;
        Ok(values)
    }
}

fn clipped<B: AutodiffBackend, M: AutodiffModule<B>>(
    found: GradientsParams,
    model: &M,
) -> Result<GradientsParams> {
    let norm = gradients::norm(&found, model)?;
    if !norm.is_finite() {
        bail!("the gradients are not finite; lower --rate");
    }
    let share = CLIP_NORM / (norm + 1e-6);
    Ok(if share < 1.0 {
        gradients::scale(found, model, share)
    } else {
        found
    })
}
