//! A run from configuration to evaluation.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::{Result, anyhow, bail};
use burn::tensor::backend::AutodiffBackend;

use super::book::Book;
use super::checkpoint;
use super::cost::Clock;
use super::logs::Logs;
use super::record::{RunRecord, RunState};
use super::request::TrainRequest;
use super::session::Session;
use super::start::{Shared, Start};
use super::step::Trainer;
use crate::data::{NamedData, TrainingSet};
use crate::device::{self, Job, dispatch, dispatch_recomputing};
use crate::doctor;
use crate::parallel::{Facts, Group, Meeting, PeerLost};
use crate::stop::{self, Stopped};

/// Trains, or goes on training, and evaluates.
///
/// # Errors
/// [`Stopped`] where the user stopped it; anything else went wrong.
pub fn run(mut request: TrainRequest) -> Result<()> {
    let identities = request.config.sampler.identities;
    let replicas = request.replicas();
    if replicas == 0 || !identities.is_multiple_of(replicas) {
        bail!(
            "the {identities} identities of a batch cannot be shared evenly by {replicas} replicas; set sampler.identities to a multiple of {replicas}, or train on another number of devices"
        );
    }
    let state = match &request.out {
        Some(out) => request.state_of(out)?,
        None => RunState::Absent,
    };
    if state == RunState::Finished {
        return Ok(());
    }
    let set = TrainingSet::read(&request.data)?;
    if set.identities < identities {
        bail!(
            "the training data has {} identities, a batch needs {identities}; set a lower sampler.identities",
            set.identities
        );
    }
    let cameras = request.config.model.cameras;
    if cameras > 0 && cameras != set.cameras {
        bail!(
            "the training data has {} cameras, the camera embedding {cameras}; set encoder.cameras={}",
            set.cameras,
            set.cameras
        );
    }
    if request.targets.is_empty() {
        request.targets.clone_from(&request.data);
    }
    if state == RunState::Absent {
        // What is wrong with the data should be heard of now, not after hours of training.
        let judged: &[NamedData] = if request.out.is_some() {
            &request.targets
        } else {
            &[]
        };
        doctor::refuse_fatal(&request.data, judged)?;
    }
    let record = RunRecord::new(&request.data, &request.targets, &set)?;
    if let (Some(out), RunState::Unfinished { .. }) = (&request.out, state) {
        RunRecord::read(out)?.check(&record, out)?;
        // It may go on from elsewhere, or be judged on other data.
        record.write(out)?;
    }
    let device = device::first_of_one_kind(&request.devices)?;
    let job = TrainJob {
        request,
        set: Arc::new(set),
        record,
    };
    if job.request.config.optim.recompute {
        dispatch_recomputing(device, job)
    } else {
        dispatch(device, job)
    }
}

struct TrainJob {
    request: TrainRequest,
    set: Arc<TrainingSet>,
    record: RunRecord,
}

impl Job for TrainJob {
    type Output = ();

    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<()>
    where
        B::Device: 'static,
    {
        let request = &self.request;
        device::computes_in::<B>(device, request.config.model.precision)?;
        let link = match &request.node {
            Some(node) => Some(node.join(self.facts()?)?),
            None => None,
        };
        let meeting = Arc::new(Meeting::new(request.devices.len(), link));
        let trained = self.replicas::<B>(device, &meeting);
        if let Some(link) = meeting.link() {
            match &trained {
                Err(error) if !error.is::<Stopped>() => link.fail(&format!("{error:#}")),
                _ => link.finish(),
            }
        }
        let Some(out) = &request.out else {
            return trained;
        };
        trained.map_err(|error| {
            if error.is::<Stopped>() || !checkpoint::has_any(out).unwrap_or(false) {
                return error;
            }
            // Whatever went wrong, what was saved before is still good.
            error.context(format!(
                "the run has ended early; its checkpoints are whole, and `trainer train --resume {}` goes on from the last",
                out.display()
            ))
        })
    }
}

impl TrainJob {
    /// What all nodes must have in common.
    fn facts(&self) -> Result<Facts> {
        let mut facts = self.request.config.keys()?;
        let device = self.request.devices.first().map(|device| device.kind());
        facts.extend([
            ("program".to_string(), self.record.program.clone()),
            (
                "training images (SHA-256 of their names and labels)".to_string(),
                self.record.images.clone(),
            ),
            (
                "number of training images".to_string(),
                self.set.images.len().to_string(),
            ),
            (
                "number of devices".to_string(),
                self.request.devices.len().to_string(),
            ),
            (
                "kind of device".to_string(),
                device.unwrap_or_default().to_string(),
            ),
        ]);
        Ok(facts)
    }

    /// Trains all replicas of this process.
    fn replicas<B: AutodiffBackend>(&self, device: &B::Device, meeting: &Arc<Meeting>) -> Result<()>
    where
        B::Device: 'static,
    {
        let group = Group::member(meeting, 0);
        let start = Start::<B>::of(&self.request, &self.set, &self.record, &group, device)?;
        stop::listen("step")?;
        let shared = &start.shared;
        let others = self.request.devices.iter().enumerate().skip(1);
        let (own, others) = thread::scope(|scope| {
            let others: Vec<_> = others
                .map(|(number, choice)| {
                    let group = Group::member(meeting, number);
                    let device = device::sibling::<B::Device>(device, *choice);
                    scope.spawn(move || {
                        attempt(&group, || {
                            let trainer = shared.trainer::<B>(
                                &self.request.config,
                                &self.set,
                                &group,
                                &device,
                            )?;
                            self.train(trainer, shared, &device)
                        })
                    })
                })
                .collect();
            let own = attempt(&group, || self.train(start.trainer, shared, device));
            let gone = |_| Err(anyhow!("a replica has ended without a word"));
            let others = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(gone));
            (own, others.collect::<Vec<_>>())
        });
        let mut errors: Vec<anyhow::Error> = ([own].into_iter().chain(others))
            .filter_map(Result::err)
            .collect();
        // Who was told of another's end only repeats it.
        errors.sort_by_key(|error| error.is::<PeerLost>());
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    /// Trains one replica.
    fn train<B: AutodiffBackend>(
        &self,
        trainer: Trainer<B>,
        shared: &Shared,
        device: &B::Device,
    ) -> Result<()>
    where
        B::Device: 'static,
    {
        let state = shared.state.clone();
        let book = match &self.request.out {
            Some(out) if trainer.group().leads() => Some(Book {
                out,
                targets: &self.request.targets,
                device_name: self.request.places(),
                logs: Logs::open(out, &self.request.config, state.step)?,
            }),
            _ => None,
        };
        let mut session = Session {
            config: &self.request.config,
            set: &self.set,
            device,
            latents: shared.latents.as_ref(),
            trainer,
            clock: Clock::start(state.costs.wall_seconds),
            state,
            book,
        };
        let trained = session.epochs().and_then(|()| session.finish());
        if trained.as_ref().is_err_and(|error| error.is::<PeerLost>())
            // The step that was lost has changed nothing.
            && let Err(error) = session.save()
        {
            eprintln!("error: {error:#}");
        }
        trained
    }
}

/// Runs a replica. If it fails, the others of this process do not wait for it.
fn attempt(group: &Group, train: impl FnOnce() -> Result<()>) -> Result<()> {
    let trained = catch_unwind(AssertUnwindSafe(train))
        .unwrap_or_else(|_| Err(anyhow!("replica {} has panicked", group.rank())));
    if let Err(error) = &trained {
        group.leave(&format!(
            "replica {} has ended early: {error:#}",
            group.rank()
        ));
    }
    trained
}
