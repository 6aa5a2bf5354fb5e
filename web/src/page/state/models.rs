//! The models that there are, what of them is kept here, and which ones the address names.

use std::collections::BTreeMap;

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, UrlSearchParams};

use super::{Engine, State, local};
use crate::fetch::resolve;
use crate::models::{self, WEIGHTS};
use crate::parts::{self, PART};
use crate::protocol::{Choice, ModelEntry};

/// What the models panel knows; a handle that can be copied anywhere.
#[derive(Clone, Copy)]
pub struct Models {
    /// Whether the panel is open.
    pub open: RwSignal<bool>,
    /// The site's models, as far as they are known, or why there are none.
    pub site: RwSignal<Result<Vec<ModelEntry>, String>>,
    /// Folders of the visitor's, of this visit.
    pub local: RwSignal<Vec<(Choice, ModelEntry)>>,
    /// Why the model chosen last cannot be used.
    pub problem: RwSignal<Option<String>>,
    /// Bytes that this site keeps on this device, as the browser estimates.
    pub usage: RwSignal<Option<f64>>,
    /// Addresses of kept weights, and the number of their parts.
    kept: RwSignal<BTreeMap<String, u64>>,
    base: StoredValue<String>,
}

/// How much of a model is kept in this browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A download that broke off.
    Part,
    /// All.
    Whole,
}

impl Models {
    /// Nothing is known yet of the site whose folder is `base`.
    pub(super) fn new(base: &str) -> Self {
        Self {
            open: RwSignal::new(false),
            site: RwSignal::new(Ok(Vec::new())),
            local: RwSignal::new(Vec::new()),
            problem: RwSignal::new(None),
            usage: RwSignal::new(None),
            kept: RwSignal::new(BTreeMap::new()),
            base: StoredValue::new(base.to_string()),
        }
    }

    /// Opens the panel.
    pub fn show(self) {
        self.open.set(true);
        let base = self.base.get_value();
        spawn_local(async move { self.site.set(models::list(&base).await) });
    }

    /// Looks at what is kept.
    pub fn look_at_kept(self) {
        spawn_local(async move {
            self.kept.set(parts::kept().await);
            self.usage.set(usage().await);
        });
    }

    /// How much of a model of the site is kept.
    pub fn kept(self, entry: &ModelEntry) -> Kept {
        let parts = (self.weights(&entry.name))
            .and_then(|url| self.kept.with(|kept| kept.get(&url).copied()))
            .unwrap_or(0);
        match parts {
            0 => Kept::Nothing,
            parts if parts < entry.bytes.div_ceil(PART) => Kept::Part,
            _ => Kept::Whole,
        }
    }

    /// Keeps a model of the site no longer.
    pub fn remove(self, name: &str) {
        if let Some(url) = self.weights(name) {
            spawn_local(async move {
                parts::remove(&url).await;
                self.look_at_kept();
            });
        }
    }

    fn weights(self, name: &str) -> Option<String> {
        let folder = models::folder(&self.base.get_value(), name).ok()?;
        resolve(&folder, WEIGHTS).ok()
    }
}

impl State {
    /// Whether an engine has or awaits a model.
    pub fn runs(self, engine: Engine, choice: &Choice) -> bool {
        if !engine.is_on() {
            return false;
        }
        match (engine.choice(), choice, engine.started()) {
            (Choice::Local(..), _, _) | (_, Choice::Local(..), _) => engine.choice() == *choice,
            // A smaller one may have taken the place of what was asked for.
            (_, Choice::Named(name), Some(started)) => started.model.name == *name,
            (chosen, _, _) => chosen == *choice,
        }
    }

    /// Uses a model of a folder that the visitor chose, if it is one.
    pub fn open_folder(self, files: Vec<File>) {
        spawn_local(async move {
            match local::read(&files).await {
                Ok((choice, entry)) => {
                    let opened = (choice.clone(), entry);
                    self.models.local.update(|all| all.push(opened));
                    self.choose_model(choice);
                }
                Err(reason) => self.models.problem.set(Some(reason)),
            }
        });
    }

    /// Names the models in the address, so that a link to it opens with them. A folder of the
    /// visitor's has no name for others.
    pub(super) fn write_address(self) {
        let beside = self.beside.is_on().then(|| self.beside.choice());
        let wanted = [("model", Some(self.main.choice())), ("beside", beside)];
        // Where the address cannot be changed, the page works all the same.
        let _ = write(wanted);
    }
}

fn write(wanted: [(&str, Option<Choice>); 2]) -> Result<(), JsValue> {
    let location = window().location();
    let parameters = UrlSearchParams::new_with_str(&location.search()?)?;
    for (key, choice) in wanted {
        match choice {
            Some(Choice::Named(name)) => parameters.set(key, &name),
            _ => parameters.delete(key),
        }
    }
    let question = match String::from(parameters.to_string()) {
        none if none.is_empty() => none,
        some => format!("?{some}"),
    };
    let address = format!("{}{question}{}", location.pathname()?, location.hash()?);
    let history = window().history()?;
    history.replace_state_with_url(&history.state()?, "", Some(&address))
}

/// The browser's own estimate; none where it gives none.
async fn usage() -> Option<f64> {
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).ok();
    let storage = get(&get(&window(), "navigator")?, "storage")?;
    let estimate: Function = get(&storage, "estimate")?.dyn_into().ok()?;
    let promise: Promise = estimate.call0(&storage).ok()?.dyn_into().ok()?;
    get(&JsFuture::from(promise).await.ok()?, "usage")?.as_f64()
}
