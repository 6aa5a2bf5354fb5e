//! The engine's side: a dedicated worker that loads a model and serves jobs, so that
//! the page stays responsive.

mod adapter;
mod encoder;
mod engine;
mod fetch;
mod model;
pub mod protocol;

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use engine::{Engine, Stop};
use protocol::{Job, Pair, Reply, Request, Start};

/// What messages share.
#[derive(Default)]
struct Shared {
    /// The newest job that nobody has begun.
    waiting: RefCell<Option<Job>>,
    /// The newest pair that nobody has compared.
    pair: RefCell<Option<Pair>>,
    /// Taken out by whoever works with it.
    engine: RefCell<Option<Engine>>,
}

/// Listens to the page from now on.
pub fn run(scope: DedicatedWorkerGlobalScope) {
    let shared = Rc::new(Shared::default());
    // Set-up of a GPU panics where it fails. After a panic only a new worker helps, and
    // the page has to know.
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let reason = info.payload_as_str().unwrap_or("a panic").to_string();
        post(&Reply::Broken { reason });
    }));
    let receiver = shared.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        receiver.clone().receive(&event);
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The listener lives as long as the worker.
    on_message.forget();
    post(&Reply::Ready);
}

impl Shared {
    fn receive(self: Rc<Self>, event: &MessageEvent) {
        let text = event.data().as_string().unwrap_or_default();
        match serde_json::from_str(&text) {
            Ok(Request::Start(start)) => spawn_local(self.start(start)),
            Ok(Request::Rank(job)) => {
                self.waiting.replace(Some(job));
                spawn_local(self.work());
            }
            Ok(Request::Compare(pair)) => {
                self.pair.replace(Some(pair));
                spawn_local(self.work());
            }
            Err(error) => post(&Reply::Broken {
                reason: format!("a message cannot be understood: {error}"),
            }),
        }
    }

    async fn start(self: Rc<Self>, start: Start) {
        let arrived = |bytes, total| post(&Reply::Loading { bytes, total });
        match model::load(&start, arrived).await {
            Ok((config, encoder, started)) => {
                self.engine.replace(Some(Engine::new(config, encoder)));
                post(&Reply::Started(started));
                self.work().await;
            }
            Err(reason) => post(&Reply::StartFailed { reason }),
        }
    }

    /// Serves what waits. Returns at once while the engine is not there yet or in use: its
    /// holder looks for what waits afterwards.
    async fn work(self: Rc<Self>) {
        let Some(mut engine) = self.engine.take() else {
            return;
        };
        loop {
            if let Some(pair) = self.pair.take() {
                post(&Reply::Compared {
                    pair: (pair.query.id, pair.hit.id),
                    parts: engine.compare(&pair).await,
                });
                continue;
            }
            let Some(job) = self.waiting.take() else {
                break;
            };
            let begin = js_sys::Date::now();
            let replaced = || self.waiting.borrow().is_some();
            let answer = async {
                let hits = engine.run(&job, replaced, post).await?;
                post(&Reply::Ranked {
                    job: job.id,
                    hits,
                    seconds: (js_sys::Date::now() - begin) / 1000.0,
                });
                engine.measure(&job, replaced).await
            };
            let reply = match answer.await {
                Ok(metrics) => Reply::Measured {
                    job: job.id,
                    metrics,
                },
                Err(Stop::Replaced) => continue,
                Err(Stop::Job(reason)) => Reply::JobFailed {
                    job: job.id,
                    reason,
                },
                Err(Stop::Engine(reason)) => return post(&Reply::Broken { reason }),
            };
            post(&reply);
        }
        self.engine.replace(Some(engine));
    }
}

/// Sends to the page.
fn post(reply: &Reply) {
    // Only a worker gets here, and a reply is plain data, so neither step can fail.
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    if let Ok(text) = serde_json::to_string(reply) {
        let _ = scope.post_message(&text.into());
    }
}
