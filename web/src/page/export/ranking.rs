//! An answer as a table or as JSON.

use dcac_model::retrieval::Calibration;
use serde::Serialize;

use crate::page::picture::Picture;
use crate::page::state::Ranking;
use crate::protocol::ModelCard;

/// What is told of a hit; the table has them even where there is none.
const COLUMNS: [&str; 7] = [
    "place",
    "name",
    "score",
    "probability",
    "identity",
    "camera",
    "same_person",
];

/// A query, its hits, and by what they were found.
#[derive(Serialize)]
pub struct Answer {
    model: Option<Model>,
    /// Several are averaged.
    query: Vec<Subject>,
    settings: Settings,
    /// Pictures that were ranked; the hits are those that the settings leave.
    ranked: usize,
    hits: Vec<Hit>,
}

/// What was asked for.
#[derive(Serialize)]
pub struct Settings {
    /// Hits less alike are left out.
    pub least_score: Option<f32>,
    /// Whether the pictures by the query's camera are left out.
    pub other_cameras_only: bool,
    /// Whether each camera's mean and deviation were taken out of embeddings.
    pub normalized_by_camera: bool,
    /// Whether shared neighbours count too.
    pub re_ranked: bool,
}

#[derive(Serialize)]
struct Model {
    name: String,
    title: String,
    /// SHA-256 of its weights.
    weights: String,
}

#[derive(Serialize)]
struct Subject {
    name: String,
    identity: Option<i32>,
    camera: Option<u32>,
}

#[derive(Serialize)]
struct Hit {
    place: usize,
    name: String,
    score: f32,
    probability: Option<f64>,
    identity: Option<i32>,
    camera: Option<u32>,
    same_person: Option<bool>,
}

impl Answer {
    /// The answer to a query by a model: `hits` of `ranked` pictures.
    pub fn new(
        model: Option<&ModelCard>,
        calibration: Option<Calibration>,
        query: &[Picture],
        settings: Settings,
        ranked: usize,
        hits: &Ranking,
    ) -> Self {
        let person = query.first().and_then(Picture::person);
        let hit = |(index, (picture, score)): (usize, &(Picture, f32))| Hit {
            place: index + 1,
            name: picture.name.to_string(),
            score: *score,
            probability: calibration.map(|map| map.probability(*score)),
            identity: picture.label.map(|label| label.identity),
            camera: picture.label.map(|label| label.camera),
            same_person: (person.zip(picture.label))
                .map(|(person, label)| person == label.identity),
        };
        let subject = |picture: &Picture| Subject {
            name: picture.name.to_string(),
            identity: picture.label.map(|label| label.identity),
            camera: picture.label.map(|label| label.camera),
        };
        Self {
            model: model.map(|model| Model {
                name: model.name.clone(),
                title: model.title.clone(),
                weights: model.digest.clone(),
            }),
            query: query.iter().map(subject).collect(),
            settings,
            ranked,
            hits: hits.iter().enumerate().map(hit).collect(),
        }
    }

    /// All of it.
    pub fn json(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec_pretty(self).map_err(|error| format!("no JSON can be made: {error}"))
    }

    /// The hits, one a line, below a line of the columns' names.
    pub fn csv(&self) -> Result<Vec<u8>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no table can be made: {error}");
        let mut table = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        let header = table.write_record(COLUMNS);
        header.map_err(|error| failed(&error))?;
        for hit in &self.hits {
            table.serialize(hit).map_err(|error| failed(&error))?;
        }
        table.into_inner().map_err(|error| failed(&error))
    }
}
