//! The page's end of the worker.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::worker::protocol::{Reply, Request};

const SCRIPT: &str = "worker.js";

/// A running worker; ends when dropped.
pub struct Client {
    worker: Worker,
    /// Requests made before the worker listened; `None` from then on.
    early: Rc<RefCell<Option<Vec<Request>>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl Client {
    /// Starts a worker; `receive` hears its replies. `base` is the page's folder.
    pub fn start(base: &str, receive: impl Fn(Reply) + Copy + 'static) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let url = web_sys::Url::new_with_base(SCRIPT, base)?.href();
        let worker = Worker::new_with_options(&url, &options)?;
        let early = Rc::new(RefCell::new(Some(Vec::new())));
        let (sender, waiting) = (worker.clone(), early.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            match serde_json::from_str(&text) {
                Ok(Reply::Ready) => {
                    for request in waiting.take().into_iter().flatten() {
                        send(&sender, &request);
                    }
                }
                Ok(reply) => receive(reply),
                Err(error) => receive(Reply::Broken {
                    reason: format!("a reply cannot be understood: {error}"),
                }),
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // The worker reports its own failures; only its script can fail before that.
        let on_error = Closure::<dyn FnMut()>::new(move || {
            receive(Reply::StartFailed {
                reason: format!("{SCRIPT} cannot be run; is it on this site, beside the page?"),
            });
        });
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        // The compiled program itself: the worker neither fetches nor compiles it again.
        worker.post_message(&wasm_bindgen::module())?;
        Ok(Self {
            worker,
            early,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Sends a request, as soon as the worker listens.
    pub fn send(&self, request: Request) {
        match self.early.borrow_mut().as_mut() {
            Some(early) => early.push(request),
            None => send(&self.worker, &request),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn send(worker: &Worker, request: &Request) {
    // Requests are plain data: neither step can fail.
    if let Ok(text) = serde_json::to_string(request) {
        let _ = worker.post_message(&text.into());
    }
}
