//! The worker that answers the page: it loads a model, has pictures embedded by further workers,
//! and ranks, so that the page stays responsive.

mod adapter;
mod classifier;
mod download;
mod engine;
mod maps;
mod memory;
mod model;
mod pool;
mod scores;
mod start;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Float32Array;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::protocol::{Job, Pair, Reply, Request, Start};
use dcac_encoder::worker;
use engine::{Engine, Stop};
use maps::Maps;

/// What messages share.
#[derive(Default)]
struct Shared {
    /// The newest job that nobody has begun.
    waiting: RefCell<Option<Job>>,
    /// Whether somebody works on a job.
    busy: RefCell<bool>,
    /// The last job that was answered.
    last: RefCell<Option<Rc<Job>>>,
    /// The newest pair that came before the engine.
    early: RefCell<Option<Pair>>,
    engine: RefCell<Option<Rc<Engine>>>,
    maps: Maps,
}

/// Listens to the page from now on.
pub fn run() {
    let shared = Rc::new(Shared::default());
    worker::listen(move |request, _buffer| shared.clone().receive(request));
}

impl Shared {
    fn receive(self: Rc<Self>, request: Request) {
        match request {
            Request::Start(start) => spawn_local(self.start(start)),
            Request::Rank(job) => {
                self.maps.keep_only(&job.gallery);
                self.waiting.replace(Some(job));
                spawn_local(self.work());
            }
            Request::Compare(pair) => spawn_local(self.compare(pair)),
            Request::Map => spawn_local(self.map()),
            Request::Embeddings => self.embeddings(),
            Request::Forget => spawn_local(self.forget()),
        }
    }

    async fn start(self: Rc<Self>, start: Start) {
        match start::start(&start).await {
            Ok((engine, started)) => {
                self.engine.replace(Some(Rc::new(engine)));
                post(&Reply::Started(started));
                if let Some(pair) = self.early.take() {
                    spawn_local(self.clone().compare(pair));
                }
                self.work().await;
            }
            Err(reason) => post(&Reply::StartFailed { reason }),
        }
    }

    /// Serves the job that waits. Returns at once while there is no engine, or somebody works
    /// already: whoever does looks for what waits afterwards.
    async fn work(self: Rc<Self>) {
        let Some(engine) = self.engine.borrow().clone() else {
            return;
        };
        if self.busy.replace(true) {
            return;
        }
        while let Some(job) = self.waiting.take() {
            if let Err(reason) = self.answer(&engine, job).await {
                // It stays busy: nothing more can be answered.
                return worker::broken(&reason);
            }
        }
        self.busy.replace(false);
    }

    /// Answers a job; an error if no further one can be answered.
    async fn answer(&self, engine: &Engine, job: Job) -> Result<(), String> {
        let begin = js_sys::Date::now();
        let begun = engine.times_forgotten();
        let replaced = || self.waiting.borrow().is_some() || engine.times_forgotten() != begun;
        let (number, job) = (job.id, Rc::new(job));
        let answer = async {
            let hits = engine.run(&job, replaced, post).await?;
            // Whoever has this answer may ask for more of its gallery.
            self.last.replace(Some(job.clone()));
            post(&Reply::Ranked {
                job: number,
                hits,
                seconds: (js_sys::Date::now() - begin) / 1000.0,
            });
            engine.measure(&job, replaced).await
        };
        match answer.await {
            Ok(metrics) => post(&Reply::Measured {
                job: number,
                metrics,
            }),
            Err(Stop::Replaced) => {}
            Err(Stop::Job(reason)) => post(&Reply::JobFailed {
                job: number,
                reason,
            }),
            Err(Stop::Engine(reason)) => return Err(reason),
        }
        Ok(())
    }

    async fn compare(self: Rc<Self>, pair: Pair) {
        let engine = self.engine.borrow().clone();
        match engine {
            Some(engine) => post(&Reply::Compared {
                pair: (pair.query.id, pair.hit.id),
                parts: engine.compare(&pair).await,
            }),
            None => {
                self.early.replace(Some(pair));
            }
        }
    }

    async fn forget(self: Rc<Self>) {
        self.waiting.take();
        self.last.take();
        let engine = self.engine.borrow().clone();
        if let Some(engine) = engine {
            engine.forget().await;
        }
    }

    /// Posts the map of the gallery that was ranked last.
    async fn map(self: Rc<Self>) {
        let (pictures, rows) = self.gallery();
        if let Err(reason) = self.maps.lay_out(pictures, &rows, post).await {
            worker::broken(&reason);
        }
    }

    fn embeddings(&self) {
        let (pictures, rows) = self.gallery();
        let numbers = Float32Array::from(rows.concat().as_slice());
        worker::post(&Reply::Embeddings { pictures }, &numbers);
    }

    /// The pictures of the gallery that was ranked last, and their embeddings; none before the
    /// first answer.
    fn gallery(&self) -> (Vec<u64>, Vec<Rc<[f32]>>) {
        match (&*self.engine.borrow(), &*self.last.borrow()) {
            (Some(engine), Some(job)) => {
                let (pictures, rows) = engine.embedded(job.gallery.iter());
                (pictures.iter().map(|picture| picture.id).collect(), rows)
            }
            _ => Default::default(),
        }
    }
}

fn post(reply: &Reply) {
    worker::post(reply, &JsValue::NULL);
}
