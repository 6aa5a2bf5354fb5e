//! Workers, and messages between one and whoever started it: data as JSON text, with a buffer
//! beside it where numbers or bytes travel.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, BlobPropertyBag, DedicatedWorkerGlobalScope, MessageEvent, Url, Worker, WorkerOptions,
    WorkerType,
};

const SCRIPT: &str = "worker.js";

/// First item of a message; the others are the text and the buffer.
const READY: &str = "ready";
const MESSAGE: &str = "message";
/// Followed by the reason; the script of a worker sends it too.
const BROKEN: &str = "broken";

/// What comes from a worker.
pub enum Event<R> {
    /// An answer and its buffer.
    Reply(R, JsValue),
    /// It cannot go on; only a new worker can.
    Broken(String),
}

/// A running worker; ends when dropped.
pub struct Link {
    worker: Worker,
    url: String,
    /// Messages sent before the worker listened; `None` from then on.
    early: Rc<RefCell<Option<Vec<Array>>>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

impl Link {
    /// Starts a program of the site, whose folder is `base`; `receive` hears it.
    pub fn start<R: DeserializeOwned>(
        base: &str,
        program: &str,
        receive: impl Fn(Event<R>) + Clone + 'static,
    ) -> Result<Self, String> {
        let failed = |error: JsValue| format!("no worker can be started: {error:?}");
        let url = first_line(base, program).map_err(failed)?;
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&url, &options).map_err(failed)?;
        let early = Rc::new(RefCell::new(Some(Vec::new())));
        let (sender, waiting, told) = (worker.clone(), early.clone(), receive.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let (kind, text, buffer) = open(&event);
            match kind.as_str() {
                READY => {
                    for message in waiting.take().into_iter().flatten() {
                        deliver(&sender, &message);
                    }
                }
                MESSAGE => match serde_json::from_str(&text) {
                    Ok(reply) => told(Event::Reply(reply, buffer)),
                    Err(error) => told(Event::Broken(format!(
                        "a reply cannot be understood: {error}"
                    ))),
                },
                _ => told(Event::Broken(text)),
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // A worker reports its own failures; only its first line can fail before that.
        let on_error = Closure::<dyn FnMut()>::new(move || {
            receive(Event::Broken(format!(
                "{SCRIPT} cannot be run; is it on this site, beside the page?"
            )));
        });
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            worker,
            url,
            early,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Sends a request, as soon as the worker listens. The buffer is copied.
    pub fn send(&self, request: &impl Serialize, buffer: &JsValue) {
        let message = message(request, buffer);
        match self.early.borrow_mut().as_mut() {
            Some(early) => early.push(message),
            None => deliver(&self.worker, &message),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        // An address that is gone already is what was wanted.
        let _ = Url::revoke_object_url(&self.url);
    }
}

/// Address of a script made here. Such a worker has the maker's content security policy; one
/// started from a file would have that of the file's headers, on most hosts none.
fn first_line(base: &str, program: &str) -> Result<String, JsValue> {
    let script = Url::new_with_base(SCRIPT, base)?.href();
    let (script, program) = (JsValue::from(script), JsValue::from(program));
    let quoted = |text: &JsValue| js_sys::JSON::stringify(text).map(String::from);
    let line = format!(
        "import {{ run }} from {}; run({});",
        quoted(&script)?,
        quoted(&program)?
    );
    let options = BlobPropertyBag::new();
    options.set_type("text/javascript");
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&line.into()), &options)?;
    Url::create_object_url_with_blob(&blob)
}

/// Listens to whoever started this worker, from now on.
pub fn listen<Q: DeserializeOwned>(receive: impl Fn(Q, JsValue) + 'static) {
    // After a panic only a new worker helps, and whoever started this one has to know.
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        broken(info.payload_as_str().unwrap_or("a panic"));
    }));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let (_, text, buffer) = open(&event);
        match serde_json::from_str(&text) {
            Ok(request) => receive(request, buffer),
            Err(error) => broken(&format!("a message cannot be understood: {error}")),
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The listener lives as long as the worker.
    on_message.forget();
    let _ = scope().post_message(&Array::of1(&READY.into()));
}

/// Answers whoever started this worker. The buffer is copied.
pub fn post(reply: &impl Serialize, buffer: &JsValue) {
    let _ = scope().post_message(&message(reply, buffer));
}

/// Says that this worker cannot go on.
pub fn broken(reason: &str) {
    let _ = scope().post_message(&Array::of2(&BROKEN.into(), &reason.into()));
}

/// Only a worker asks for it.
fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn message(content: &impl Serialize, buffer: &JsValue) -> Array {
    // Messages are plain data, which always has a text.
    let text = serde_json::to_string(content).unwrap_or_default();
    Array::of3(&MESSAGE.into(), &text.into(), buffer)
}

fn deliver(worker: &Worker, message: &Array) {
    // Plain data can be copied.
    let _ = worker.post_message(message);
}

fn open(event: &MessageEvent) -> (String, String, JsValue) {
    let parts: Array = event.data().unchecked_into();
    let text = |index| parts.get(index).as_string().unwrap_or_default();
    (text(0), text(1), parts.get(2))
}
