//! The training loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use dcac_model::image::Resampling;
use dcac_model::loss::PrototypeMemory;
use dcac_model::reid::EncoderConfig;
use indicatif::{HumanDuration, ProgressBar};

use super::book::Book;
use super::checkpoint::{self, Best, Checkpoint};
use super::cost::Clock;
use super::latents::LatentCache;
use super::metrics::{EpochMeans, Evaluation, StepMetrics};
use super::step::Trainer;
use crate::config::RunConfig;
use crate::data::{Loader, TrainBatch, TrainingSet, View, epoch_batches};
use crate::embedder::Embedder;
use crate::evaluate::{self, Report};
use crate::stop::{self, Stopped};
use crate::{progress, random};

/// A run while it trains.
pub struct Session<'a, B: AutodiffBackend> {
    /// Its settings.
    pub config: &'a RunConfig,
    /// Training images.
    pub set: &'a Arc<TrainingSet>,
    /// Where this replica computes.
    pub device: &'a B::Device,
    /// Latents; none for the baseline.
    pub latents: Option<&'a LatentCache>,
    /// Model, optimiser and memory.
    pub trainer: Trainer<B>,
    /// Where it stands.
    pub state: Checkpoint,
    /// Its time.
    pub clock: Clock,
    /// What it leaves behind; of several replicas, the one that leads has it.
    pub book: Option<Book<'a>>,
}

impl<B: AutodiffBackend> Session<'_, B>
where
    B::Device: 'static,
{
    /// All epochs that are left.
    pub fn epochs(&mut self) -> Result<()> {
        while self.state.epoch < self.config.optim.epochs {
            self.epoch(self.state.epoch + 1)?;
            let (evaluation, checkpoints) = (&self.config.evaluation, &self.config.checkpoint);
            let last = self.state.epoch == self.config.optim.epochs;
            if !last && evaluation.every > 0 && self.state.epoch.is_multiple_of(evaluation.every) {
                for target in self.evaluate()? {
                    println!("epoch {:3}  {}", self.state.epoch, target.report.line());
                }
            }
            let stopping = self.stopping()?;
            if last || self.state.epoch.is_multiple_of(checkpoints.every) || stopping {
                self.save()?;
            }
            if stopping && !last {
                return Err(self.stopped());
            }
        }
        Ok(())
    }

    /// One epoch, or what is left of it.
    fn epoch(&mut self, epoch: usize) -> Result<()> {
        if self.state.epoch_steps == 0 {
            // Section 1 of the method: the memory is rebuilt at the start of every epoch.
            self.trainer.memory = self.prototypes()?;
            self.state.means = EpochMeans::default();
        }
        let labels = self.set.labels();
        let mut rng = random::stream(self.config.seed, "sampler", epoch as u64);
        let mut batches =
            epoch_batches(&labels, self.set.identities, &self.config.sampler, &mut rng);
        let steps = batches.len();
        let batches = batches.split_off(self.state.epoch_steps.min(steps));
        let sampler = &self.config.sampler;
        let rows = (self.trainer.group()).share(sampler.identities * sampler.images);
        let loader = Loader::start(self.set, &self.view(), batches, rows, self.state.step + 1);
        let lr = self.config.optim.learning_rate(epoch);
        let bar = self.progress(&format!("epoch {epoch}"), steps);
        bar.set_position(self.state.epoch_steps as u64);
        let (started, mut images) = (Instant::now(), 0);
        while self.state.epoch_steps < steps {
            let clock = Instant::now();
            let batch = loader.next()?;
            self.state.costs.stage("load", clock);
            let metrics = self.step(&batch, epoch, lr, clock)?;
            images += batch.labels.len();
            bar.set_message(format!(
                "loss {:.3}  named right {:.0}%  {:.0} images/s",
                metrics.loss,
                100.0 * metrics.accuracy,
                metrics.images_per_second
            ));
            bar.inc(1);
            if self.state.epoch_steps < steps {
                let stopping = self.stopping()?;
                let every = self.config.checkpoint.every_steps;
                if stopping || (every > 0 && self.state.step.is_multiple_of(every)) {
                    self.save()?;
                }
                if stopping {
                    return Err(self.stopped());
                }
            }
        }
        bar.finish_and_clear();
        self.state.epoch = epoch;
        self.state.epoch_steps = 0;
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        book.logs.flush()?;
        let speed = f64::from(images as u32) / started.elapsed().as_secs_f64();
        let digits = if speed < 10.0 { 2 } else { 0 };
        let epochs = self.config.optim.epochs;
        println!(
            "epoch {epoch:3}/{epochs}  {}  rate {lr:.2e}  {speed:.digits$} images/s  {} left",
            self.state.means.line(self.latents.is_some()),
            HumanDuration(self.clock.left(epoch as f64, epochs as f64)),
        );
        Ok(())
    }

    /// One step and what is written down of it.
    fn step(
        &mut self,
        batch: &TrainBatch,
        epoch: usize,
        lr: f64,
        since: Instant,
    ) -> Result<StepMetrics> {
        let step = self.state.step + 1;
        let costs = &mut self.state.costs;
        let mut metrics = self.trainer.step(batch, self.latents, step, lr, costs)?;
        metrics.epoch = epoch;
        metrics.images_per_second = batch.labels.len() as f64 / since.elapsed().as_secs_f64();
        if !metrics.loss.is_finite() {
            return self.refuse(batch, &metrics);
        }
        if let Some(book) = &mut self.book {
            book.logs.step(&metrics)?;
        }
        self.state.means.add(&metrics);
        self.state.step = step;
        self.state.epoch_steps += 1;
        Ok(metrics)
    }

    /// Keeps the names of a batch whose loss is not finite, and ends the run.
    fn refuse(&self, batch: &TrainBatch, metrics: &StepMetrics) -> Result<StepMetrics> {
        let (step, loss) = (metrics.step, metrics.loss);
        let Some(book) = &self.book else {
            bail!("the loss of step {step} is {loss}");
        };
        let path = book.bad_batch(self.set, batch, metrics)?;
        bail!(
            "the loss of step {step} is {loss}; lower optim.base_lr (now at {:.2e}) or raise loss.temperature; the images of its batch are listed in {}",
            metrics.lr,
            path.display()
        )
    }

    /// Whether the user wants the run to stop, on any node.
    fn stopping(&self) -> Result<bool> {
        Ok(self.trainer.group().any(stop::requested())?)
    }

    fn stopped(&self) -> anyhow::Error {
        Stopped {
            after: format!("step {}", self.state.step),
            go_on: match &self.book {
                Some(book) => format!("go on with: trainer train --resume {}", book.out.display()),
                None => "node 0 has saved the run".to_string(),
            },
        }
        .into()
    }

    /// Writes a checkpoint and removes those that are too old.
    pub fn save(&mut self) -> Result<()> {
        let Some(book) = &mut self.book else {
            return Ok(());
        };
        let started = Instant::now();
        book.logs.flush()?;
        self.state.loss_scale = self.trainer.scale.clone();
        self.state.costs.wall_seconds = self.clock.seconds();
        (self.state.write(book.out, &self.trainer))
            .with_context(|| format!("cannot save the run after step {}", self.state.step))?;
        let best = Best::read(book.out)?.map(|best| best.step);
        checkpoint::prune(book.out, self.config.checkpoint.keep, best)?;
        self.state.costs.other("checkpoints", started);
        Ok(())
    }

    /// Figures of all targets, none where another replica leads; the best checkpoint so far
    /// is kept.
    fn evaluate(&mut self) -> Result<Vec<evaluate::Evaluation>> {
        let Some(book) = &mut self.book else {
            return Ok(Vec::new());
        };
        let started = Instant::now();
        let encoder = self.trainer.inference_model().encoder;
        let embedder = Embedder::new(encoder, &self.config.model.encoder, self.device)?;
        let found = (book.targets.iter())
            .map(|target| evaluate::on(&embedder, target))
            .collect::<Result<Vec<_>>>()?;
        let reports: Vec<Report> = found.iter().map(|target| target.report.clone()).collect();
        self.state.costs.other("evaluation", started);
        let (epoch, step, out) = (self.state.epoch, self.state.step, book.out);
        book.logs.evaluation(&Evaluation {
            epoch,
            step,
            reports: reports.clone(),
        })?;
        let map = reports.iter().map(|r| r.metrics.map).sum::<f64>() / reports.len() as f64;
        if self.config.evaluation.every > 0
            && Best::read(out)?.is_none_or(|best| best.step >= step || map > best.map)
        {
            // It must exist before it is called the best.
            self.save()?;
            Best { step, epoch, map }.write(out)?;
        }
        Ok(found)
    }

    /// The last evaluation and everything that a run leaves behind.
    pub fn finish(&mut self) -> Result<()> {
        let found = self.evaluate()?;
        self.state.costs.wall_seconds = self.clock.seconds();
        match &self.book {
            Some(book) => book.finish(&self.state, found),
            None => Ok(()),
        }
    }

    /// The memory of an epoch: neck features of the whole training set without
    /// augmentation, averaged per identity. Every replica embeds its share of the images.
    fn prototypes(&mut self) -> Result<PrototypeMemory> {
        let started = Instant::now();
        let encoder = self.trainer.model.valid().encoder;
        let embedder = Embedder::new(encoder, &self.training_view(), self.device)?;
        let group = self.trainer.group();
        let mut paths = self.set.paths();
        let share = group.share(paths.len());
        let paths: Vec<PathBuf> = paths.drain(share).collect();
        let labels = self.set.labels();
        let bar = self.progress("prototypes", paths.len());
        let features = embedder.embed(&paths, &bar)?;
        let features = group.join(features)?;
        self.state.costs.other("prototypes", started);
        Ok(PrototypeMemory::from_features(
            &features,
            embedder.width,
            &labels,
            self.set.identities,
        )?)
    }

    /// Training sees its images in the one resize of the method, whatever a test uses.
    fn training_view(&self) -> EncoderConfig {
        let mut encoder = self.config.model.encoder.clone();
        encoder.preprocess.resize = Resampling::Bicubic;
        encoder
    }

    /// A progress bar, hidden where another replica leads.
    fn progress(&self, what: &str, length: usize) -> ProgressBar {
        match self.book {
            Some(_) => progress::bar(what, length),
            None => ProgressBar::hidden(),
        }
    }

    fn view(&self) -> View {
        View {
            preprocess: self.training_view().preprocess,
            augment: self.config.augment.clone(),
            seed: self.config.seed,
        }
    }
}
