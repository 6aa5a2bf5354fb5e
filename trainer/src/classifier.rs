//! The classifier that an export may carry: `classifier.safetensors`, and whom it tells apart,
//! `identities.json`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::backend::Backend;
use dcac_model::dcac::Dcac;
use dcac_model::reid::TrainingIdentity;
use dcac_model::weights::{Precision, Values, values};

use crate::tensors::{TensorFile, safetensors, write_safetensors};
use crate::train::{IDENTITIES, run_identities};
use crate::{files, model_dir};

const WEIGHTS: &str = "classifier.safetensors";
const TENSOR: &str = "classifier.weight";

/// Weights `[identities, embedding]` and the identities in the order of their rows.
pub struct TrainedClassifier {
    weight: Values,
    identities: Vec<TrainingIdentity>,
}

impl TrainedClassifier {
    /// The classifier of a run's model.
    pub fn of_run<B: Backend>(run: &Path, model: &Dcac<B>) -> Result<Self> {
        let mut weights = values(&model.classifier);
        let weight = weights.pop().context("the model has no classifier")?;
        Self::new(weight, run_identities(run)?, run)
    }

    /// The classifier that a model folder carries.
    ///
    /// # Errors
    /// A folder without one.
    pub fn of_model(folder: &Path) -> Result<Self> {
        let path = folder.join(WEIGHTS);
        if !path.is_file() {
            bail!(
                "{} carries no classifier ({WEIGHTS} is missing); export the run that it is of: trainer export --run RUN --with-classifier",
                folder.display()
            );
        }
        let foreign = || format!("{} is no exported classifier", path.display());
        let mut tensors = safetensors(&TensorFile::open(&path)?).with_context(foreign)?;
        let stored = tensors.remove(TENSOR);
        let stored =
            (stored.with_context(|| format!("it lacks `{TENSOR}`"))).with_context(foreign)?;
        let weight = Values {
            name: TENSOR.to_string(),
            shape: stored.shape.clone(),
            read: Box::new(move || stored.read().map_err(|error| format!("{error:#}"))),
        };
        let list = folder.join(IDENTITIES);
        let identities = serde_json::from_slice(&files::read(&list)?)
            .with_context(|| format!("{} is no list of identities", list.display()))?;
        Self::new(weight, identities, folder)
    }

    fn new(weight: Values, identities: Vec<TrainingIdentity>, of: &Path) -> Result<Self> {
        match weight.shape[..] {
            [rows, _] if rows == identities.len() => Ok(Self { weight, identities }),
            _ => bail!(
                "the classifier of {} has the shape {:?}, but {IDENTITIES} lists {} identities",
                of.display(),
                weight.shape,
                identities.len()
            ),
        }
    }

    /// Writes it into a model folder and lists its files in the manifest.
    pub fn write(mut self, folder: &Path, precision: Precision) -> Result<()> {
        self.weight.name = TENSOR.to_string();
        write_safetensors(&folder.join(WEIGHTS), &[self.weight], precision, || ())?;
        files::write_json(&folder.join(IDENTITIES), &self.identities)?;
        model_dir::promise(folder, &[WEIGHTS, IDENTITIES])
    }
}
