//! The workers that embed, side by side.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use dcac_model::reid::EncoderConfig;
use futures::channel::oneshot;
use futures::future::join_all;
use js_sys::{Float32Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::protocol::Item;
use dcac_encoder::protocol::{Reply, Request};
use dcac_encoder::worker::{Event, Link, broken};

/// Milliseconds that a worker shall take for a batch: progress moves, and what is not wanted any
/// more ends soon.
const PACE: f64 = 250.0;

/// Pictures of a batch at most.
const BATCH: usize = 32;

/// An encoder in a worker of its own.
struct Worker {
    link: Link,
    calls: Rc<Calls>,
    /// Pictures of its next batch.
    batch: Cell<usize>,
}

/// Those who wait for an answer, by its number; 0 is the answer to `Load`.
#[derive(Default)]
struct Calls {
    waiting: RefCell<HashMap<u32, oneshot::Sender<(Reply, JsValue)>>>,
    next: Cell<u32>,
}

/// Several encoders with the same weights.
pub struct Pool {
    workers: Vec<Worker>,
    /// Bytes that their workers hold.
    pub memory: u64,
}

/// What an encoder makes of a picture.
pub struct Features {
    /// Output of the neck, before normalisation.
    pub neck: Vec<f32>,
    /// Patch tokens `[patches, dim]`.
    pub patches: Vec<f32>,
}

impl Pool {
    /// Starts `count` workers that run `program`.
    pub async fn start(
        base: &str,
        program: &str,
        count: usize,
        config: &EncoderConfig,
        weights: &Uint8Array,
    ) -> Result<Self, String> {
        let mut workers = Vec::new();
        for _ in 0..count {
            workers.push(Worker::start(base, program)?);
        }
        let loads = workers.iter().map(async |worker| {
            let request = Request::Load(Box::new(config.clone()));
            match worker.ask(0, &request, weights).await? {
                (Reply::Loaded(loaded), _) => loaded,
                _ => Err("a worker answers something else than it was asked".to_string()),
            }
        });
        let loaded: Result<Vec<_>, String> = join_all(loads).await.into_iter().collect();
        Ok(Self {
            memory: loaded?.iter().map(|loaded| loaded.memory).sum(),
            workers,
        })
    }

    /// Embeds pictures; `done` hears the embedding of each, or why there is none, batch by
    /// batch. Ends early once `unwanted`.
    pub async fn embed(
        &self,
        items: &[&Item],
        done: impl Fn(Vec<(u64, Result<Vec<f32>, String>)>),
        unwanted: impl Fn() -> bool,
    ) -> Result<(), String> {
        let next = Cell::new(0);
        let runs = self.workers.iter().map(async |worker| {
            while next.get() < items.len() && !unwanted() {
                let begin = next.get();
                // Near the end the rest is shared out.
                let share = (items.len() - begin).div_ceil(self.workers.len());
                let end = begin + worker.batch.get().min(share);
                next.set(end);
                done(worker.embed(&items[begin..end]).await?);
            }
            Ok(())
        });
        join_all(runs).await.into_iter().collect()
    }

    /// All that an encoder makes of a picture.
    pub async fn features(&self, item: &Item) -> Result<Features, String> {
        let Some(worker) = self.workers.first() else {
            return Err("there is no encoder".to_string());
        };
        let call = worker.calls.number();
        let url = item.url.clone();
        match worker
            .ask(call, &Request::Features { call, url }, &JsValue::NULL)
            .await?
        {
            (Reply::Features { neck, .. }, numbers) => {
                let mut neck_and_patches = numbers.to_vec();
                let patches = neck_and_patches.split_off(neck?);
                Ok(Features {
                    neck: neck_and_patches,
                    patches,
                })
            }
            _ => Err("a worker answers something else than it was asked".to_string()),
        }
    }
}

impl Worker {
    fn start(base: &str, program: &str) -> Result<Self, String> {
        let calls = Rc::new(Calls::default());
        let heard = calls.clone();
        let link = Link::start(base, program, move |event: Event<Reply>| match event {
            Event::Reply(reply, buffer) => heard.answer(reply, buffer),
            // Nobody can tell what it had done, so all of this ends.
            Event::Broken(reason) => broken(&reason),
        })?;
        Ok(Self {
            link,
            calls,
            batch: Cell::new(1),
        })
    }

    async fn embed(&self, items: &[&Item]) -> Result<Vec<(u64, Result<Vec<f32>, String>)>, String> {
        let call = self.calls.number();
        let urls = items.iter().map(|item| item.url.clone()).collect();
        let begin = js_sys::Date::now();
        let request = Request::Embed { call, urls };
        let (reply, numbers) = self.ask(call, &request, &JsValue::NULL).await?;
        let Reply::Embedded { pictures, .. } = reply else {
            return Err("a worker answers something else than it was asked".to_string());
        };
        let took = (js_sys::Date::now() - begin).max(1.0) / items.len() as f64;
        let fits = ((PACE / took) as usize).clamp(1, BATCH);
        self.batch.set(fits.min(2 * self.batch.get()));
        let numbers = numbers.to_vec();
        let readable = pictures.iter().filter(|picture| picture.is_ok()).count();
        let mut rows = numbers.chunks_exact((numbers.len() / readable.max(1)).max(1));
        let embedding = |(item, read): (&&Item, Result<(), String>)| {
            let missing = || "there is no embedding of it".to_string();
            let row = read.and_then(|()| rows.next().map(<[f32]>::to_vec).ok_or_else(missing));
            (item.id, row)
        };
        Ok(items.iter().zip(pictures).map(embedding).collect())
    }

    /// Sends a request and waits for the answer of its number.
    async fn ask(
        &self,
        call: u32,
        request: &Request,
        buffer: &JsValue,
    ) -> Result<(Reply, Float32Array), String> {
        let (answer, answered) = oneshot::channel();
        self.calls.waiting.borrow_mut().insert(call, answer);
        self.link.send(request, buffer);
        let (reply, numbers) = (answered.await).map_err(|_| "an answer was lost".to_string())?;
        Ok((reply, numbers.unchecked_into()))
    }
}

impl Calls {
    fn number(&self) -> u32 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    fn answer(&self, reply: Reply, numbers: JsValue) {
        let call = match reply {
            Reply::Loaded(_) => 0,
            Reply::Embedded { call, .. }
            | Reply::Features { call, .. }
            | Reply::Timed { call, .. } => call,
        };
        if let Some(waiting) = self.waiting.borrow_mut().remove(&call) {
            // Who does not wait any more needs no answer.
            let _ = waiting.send((reply, numbers));
        }
    }
}
