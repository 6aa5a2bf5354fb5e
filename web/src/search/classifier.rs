//! The training identities' classifier of a model folder, fetched once somebody asks for it.

use std::cell::RefCell;
use std::rc::Rc;

use dcac_model::cpu;
use dcac_model::reid::{EncoderConfig, TrainingIdentity};
use dcac_model::retrieval::reminds;
use js_sys::Uint8Array;

use super::download::{self, Failure, Promise};
use crate::protocol::Reminder;

/// Identities that are told of a picture.
const TOLD: usize = 5;

/// Where a classifier is, and itself once it is here.
pub struct Source {
    weights: Promised,
    identities: Promised,
    embedding: usize,
    fetched: RefCell<Option<Rc<Classifier>>>,
}

/// A file that a manifest lists.
struct Promised {
    path: String,
    url: String,
    promise: Promise,
}

/// A classifier and whom it tells apart.
pub struct Classifier {
    /// `[identities, embedding]`, row-major.
    weights: Vec<f32>,
    identities: Vec<TrainingIdentity>,
}

impl Source {
    /// The classifier of a model by the addresses of its weights and its list of identities.
    pub fn new(
        folder: &str,
        weights: (String, Promise),
        identities: (String, Promise),
        config: &EncoderConfig,
    ) -> Self {
        let file = |name: &str, (url, promise)| Promised {
            path: format!("{folder}/{name}"),
            url,
            promise,
        };
        Self {
            weights: file("classifier.safetensors", weights),
            identities: file("identities.json", identities),
            embedding: config.vit.embedding,
            fetched: RefCell::default(),
        }
    }

    /// The classifier, or why it cannot be had now.
    pub async fn get(&self) -> Result<Rc<Classifier>, String> {
        if let Some(classifier) = &*self.fetched.borrow() {
            return Ok(classifier.clone());
        }
        let classifier = Rc::new(self.fetch().await?);
        self.fetched.replace(Some(classifier.clone()));
        Ok(classifier)
    }

    async fn fetch(&self) -> Result<Classifier, String> {
        let list = self.identities.fetch().await?.to_vec();
        let identities: Vec<TrainingIdentity> = serde_json::from_slice(&list)
            .map_err(|error| self.identities.foreign(&error.to_string()))?;
        let bytes = self.weights.fetch().await?.to_vec();
        let weights = cpu::classifier(&bytes, identities.len(), self.embedding)
            .map_err(|error| self.weights.foreign(&error.to_string()))?;
        Ok(Classifier {
            weights,
            identities,
        })
    }
}

impl Promised {
    async fn fetch(&self) -> Result<Uint8Array, String> {
        let fetched = download::checked(&self.url, &self.path, &self.promise, |_| ()).await;
        fetched.map_err(|failure| match failure {
            Failure::Memory => format!("there is not enough memory for {}", self.path),
            Failure::Other(reason) => reason,
        })
    }

    fn foreign(&self, error: &str) -> String {
        format!(
            "{} is not what `trainer export --with-classifier` writes: {error}; export the model again",
            self.path
        )
    }
}

impl Classifier {
    /// Whom a picture reminds the model of, by the output of the neck.
    pub fn reminds(&self, neck: &[f32]) -> Result<Vec<Reminder>, String> {
        let found = reminds(neck, &self.weights, TOLD).map_err(|error| error.to_string())?;
        let reminder = |(label, probability): (usize, f32)| Reminder {
            identity: self.identities[label].clone(),
            probability,
        };
        Ok(found.into_iter().map(reminder).collect())
    }
}
