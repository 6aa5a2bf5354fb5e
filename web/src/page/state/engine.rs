//! A model at work in a worker, as the page knows it.

use dcac_model::retrieval::{Calibration, Metrics};
use futures::channel::oneshot;
use js_sys::Float32Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::Picture;
use crate::protocol::{Backend, Choice, Job, Reply, Request, Start, Started};
use dcac_encoder::worker::{Event, Link};

/// The model of an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// None was asked for.
    Off,
    /// On its way: bytes so far and in all; 0 in all while that is not known.
    Loading(u64, u64),
    /// Ready.
    Started(Started),
    /// Not to be had.
    Failed(String),
}

impl Model {
    fn started(&self) -> Option<Started> {
        match self {
            Self::Started(started) => Some(started.clone()),
            _ => None,
        }
    }
}

/// What an engine is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// So many of so many new pictures are embedded.
    Working(usize, usize),
    /// Ranked, in so many seconds.
    Done(f64),
    /// A job that has no answer, and why.
    Failed(String),
}

/// Pictures and their likeness to the query, the most alike first.
pub type Ranking = Vec<(Picture, f32)>;

/// A gallery in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The pictures' numbers and places.
    pub points: Vec<(u64, [f32; 2])>,
    /// Whether they will not move any more.
    pub done: bool,
}

/// Pictures' numbers, and their embeddings row after row.
pub type Embeddings = (Vec<u64>, Vec<f32>);

/// An engine; a handle that can be copied anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Its model.
    pub model: RwSignal<Model>,
    /// The current job's progress or end.
    pub phase: RwSignal<Phase>,
    /// The last answer, while it fits the query and the gallery.
    pub ranking: RwSignal<Option<Ranking>>,
    /// Whether its embeddings were normalised by camera.
    pub normalized: RwSignal<bool>,
    /// How well the labelled pictures of the gallery find each other.
    pub metrics: RwSignal<Option<Metrics>>,
    /// The gallery in the plane, once that was asked for.
    pub map: RwSignal<Option<Layout>>,
    /// Something to know about it.
    pub notice: RwSignal<Option<String>>,
    /// How many pictures the last job with new ones embedded, and in how many seconds.
    pub pace: RwSignal<Option<(usize, f64)>>,
    state: StoredValue<Inside, LocalStorage>,
}

/// What is not shown.
struct Inside {
    base: String,
    choice: Choice,
    /// The last choice that could be used.
    worked: Option<Choice>,
    backend: Backend,
    link: Option<Link>,
    /// The last job, until it is answered.
    job: Option<Job>,
    jobs: u32,
    /// When its pictures began to be embedded, in milliseconds.
    begun: f64,
    /// Who waits for the gallery's embeddings.
    embeddings: Option<oneshot::Sender<Embeddings>>,
}

impl Engine {
    /// An engine that is off.
    pub(super) fn new(base: &str, choice: Choice, backend: Backend) -> Self {
        Self {
            model: RwSignal::new(Model::Off),
            phase: RwSignal::new(Phase::Idle),
            ranking: RwSignal::new(None),
            normalized: RwSignal::new(false),
            metrics: RwSignal::new(None),
            map: RwSignal::new(None),
            notice: RwSignal::new(None),
            pace: RwSignal::new(None),
            state: StoredValue::new_local(Inside {
                base: base.to_string(),
                choice,
                worked: None,
                backend,
                link: None,
                job: None,
                jobs: 0,
                begun: 0.0,
                embeddings: None,
            }),
        }
    }

    /// Whether it has a model, or will.
    pub fn is_on(self) -> bool {
        self.model.with(|model| *model != Model::Off)
    }

    /// What its model is called, as soon as that is known.
    pub fn title(self) -> String {
        match self.started() {
            Some(started) => started.model.title,
            None => match self.choice() {
                Choice::Named(name) | Choice::Local(name, _) => name,
                Choice::First => "The first model".to_string(),
            },
        }
    }

    /// What its model is, once that is there.
    pub fn started(self) -> Option<Started> {
        self.model.with(Model::started)
    }

    /// The same for those who do not wait for it.
    pub(super) fn started_untracked(self) -> Option<Started> {
        self.model.with_untracked(Model::started)
    }

    /// What the answer's scores mean, where the model says so.
    pub fn calibration(self) -> Option<Calibration> {
        let model = self.started()?.model;
        match self.normalized.get() {
            true => model.calibration_normalized,
            false => model.calibration,
        }
    }

    /// Starts a worker in place of the one before, with the job that waits for it. Another model's
    /// encoders hold `taken` bytes.
    pub(super) fn start(self, taken: u64, receive: impl Fn(Event<Reply>) + Clone + 'static) {
        self.model.set(Model::Loading(0, 0));
        let base = self.state.with_value(|inside| inside.base.clone());
        match Link::start(&base, "dcac-search", receive) {
            Ok(link) => self.state.update_value(|inside| {
                let start = Request::Start(Start {
                    base,
                    model: inside.choice.clone(),
                    backend: inside.backend,
                    taken,
                });
                link.send(&start, &JsValue::NULL);
                if let Some(job) = &inside.job {
                    link.send(&Request::Rank(job.clone()), &JsValue::NULL);
                }
                inside.link = Some(link);
            }),
            Err(reason) => self.failed(reason),
        }
    }

    /// The model that was asked for.
    pub fn choice(self) -> Choice {
        self.state.with_value(|inside| inside.choice.clone())
    }

    /// Uses another model from the next start on.
    pub(super) fn choose(self, choice: Choice) {
        self.notice.set(None);
        self.pace.set(None);
        self.state.update_value(|inside| inside.choice = choice);
    }

    /// Its model is there.
    pub(super) fn has_started(self, started: Started) {
        self.state
            .update_value(|inside| inside.worked = Some(inside.choice.clone()));
        if started.notice.is_some() {
            self.notice.set(started.notice.clone());
        }
        self.model.set(Model::Started(started));
    }

    /// Chooses the model before the one that cannot be used; false where there was none.
    pub(super) fn take_back(self) -> bool {
        let back = self.state.try_update_value(|inside| {
            let before = inside
                .worked
                .take()
                .filter(|before| *before != inside.choice)?;
            inside.choice = before;
            Some(())
        });
        back.flatten().is_some()
    }

    /// Ends its worker.
    pub(super) fn stop(self) {
        self.changed();
        self.state.update_value(|inside| {
            inside.link = None;
            inside.worked = None;
        });
        self.model.set(Model::Off);
    }

    /// Goes on without the GPU; false where it did not use one.
    pub(super) fn leave_gpu(self) -> bool {
        let before = self
            .state
            .try_update_value(|inside| std::mem::replace(&mut inside.backend, Backend::Cpu));
        before != Some(Backend::Cpu)
    }

    /// Gives its worker a job; its number is set here.
    pub(super) fn rank(self, mut job: Job) {
        self.phase.set(Phase::Working(0, job.gallery.len()));
        self.state.update_value(|inside| {
            inside.jobs += 1;
            job.id = inside.jobs;
            if let Some(link) = &inside.link {
                link.send(&Request::Rank(job.clone()), &JsValue::NULL);
            }
            inside.job = Some(job);
        });
    }

    /// So many of so many new pictures are embedded.
    pub(super) fn progressed(self, done: usize, total: usize) {
        let now = js_sys::Date::now();
        self.state.update_value(|inside| match done {
            0 => inside.begun = now,
            _ if done == total => {
                let seconds = (now - inside.begun) / 1000.0;
                self.pace.set(Some((total, seconds)));
            }
            _ => {}
        });
        self.phase.set(Phase::Working(done, total));
    }

    /// Sends any other request.
    pub fn ask(self, request: &Request) {
        self.state.with_value(|inside| {
            if let Some(link) = &inside.link {
                link.send(request, &JsValue::NULL);
            }
        });
    }

    /// The embeddings of the gallery that was ranked; none where it changes meanwhile.
    pub async fn embeddings(self) -> Option<Embeddings> {
        let (answer, answered) = oneshot::channel();
        self.state
            .update_value(|inside| inside.embeddings = Some(answer));
        self.ask(&Request::Embeddings);
        answered.await.ok()
    }

    /// Hands embeddings to whoever waits for them.
    pub(super) fn receive_embeddings(self, pictures: Vec<u64>, numbers: JsValue) {
        let waiting = self
            .state
            .try_update_value(|inside| inside.embeddings.take());
        if let (Some(Some(waiting)), Ok(numbers)) = (waiting, numbers.dyn_into::<Float32Array>()) {
            // Who does not wait any more needs no answer.
            let _ = waiting.send((pictures, numbers.to_vec()));
        }
    }

    /// The answer to the job that waits for it, found in so many seconds.
    pub(super) fn has_ranked(self, hits: Ranking, seconds: f64) {
        let normalized = |inside: &Inside| {
            let job = inside.job.as_ref();
            job.is_some_and(|job| job.normalize_cameras)
        };
        self.normalized.set(self.state.with_value(normalized));
        self.ranking.set(Some(hits));
        self.phase.set(Phase::Done(seconds));
    }

    /// Whether the number is that of the job that waits for its answer.
    pub(super) fn waits_for(self, job: u32) -> bool {
        let current = |inside: &Inside| inside.job.as_ref().is_some_and(|own| own.id == job);
        self.state.with_value(current)
    }

    /// No further answer is expected.
    pub(super) fn answered(self) {
        self.state.update_value(|inside| inside.job = None);
    }

    /// The query or the gallery changed, so no answer fits any more.
    pub(super) fn changed(self) {
        self.answered();
        self.state.update_value(|inside| inside.embeddings = None);
        self.ranking.set(None);
        self.metrics.set(None);
        self.map.set(None);
        self.phase.set(Phase::Idle);
    }

    /// There is no answer.
    pub(super) fn refuse(self, reason: &str) {
        self.ranking.set(None);
        self.phase.set(Phase::Failed(reason.to_string()));
    }

    /// There is no model.
    pub(super) fn failed(self, reason: String) {
        let waited = self.state.try_update_value(|inside| {
            inside.link = None;
            inside.embeddings = None;
            inside.job.take()
        });
        if waited.flatten().is_some() {
            self.refuse(&reason);
        }
        self.model.set(Model::Failed(reason));
    }
}
