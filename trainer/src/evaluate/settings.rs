//! How a test set is measured.

use clap::Args;
use dcac_model::retrieval::{RANKS, Rerank};

use crate::embedder::BrokenArgs;
use crate::retrieval::{Measures, memory, rerank_settings};

/// What `trainer evaluate` measures and how; the defaults are those of every evaluation.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Ranks of the CMC to print
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5, 10])]
    pub ranks: Vec<usize>,
    /// Rates of false accepts at which to print the share of true pairs accepted (ROC), as 1e-4,1e-3
    #[arg(long, value_delimiter = ',')]
    fpr: Vec<f64>,
    /// Measure every pair of query and gallery camera too
    #[arg(long)]
    by_camera: bool,
    /// Take each camera's mean from embeddings and divide by its deviation, both learned from
    /// the gallery's pictures without looking at identities
    #[arg(long)]
    pub normalize_cameras: bool,
    /// k-reciprocal re-ranking; 20,6,0.3 unless K1,K2,LAMBDA are given
    #[arg(long, num_args = 0..=1, default_missing_value = "20,6,0.3", value_parser = rerank_settings)]
    pub rerank: Option<Rerank>,
    /// Average every query with its K nearest gallery images first
    #[arg(long, value_name = "K")]
    pub expand_queries: Option<usize>,
    /// Most memory for scores, in MiB
    #[arg(long, default_value = "512", value_parser = memory)]
    pub memory: usize,
    #[command(flatten)]
    pub broken: BrokenArgs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ranks: vec![1, 5, 10],
            fpr: Vec::new(),
            by_camera: false,
            normalize_cameras: false,
            rerank: None,
            expand_queries: None,
            memory: 512 << 20,
            broken: BrokenArgs::default(),
        }
    }
}

impl Settings {
    /// What to measure.
    pub fn measures(&self) -> Measures {
        Measures {
            ranks: self.ranks.iter().copied().fold(RANKS, usize::max),
            fpr: self.fpr.clone(),
            by_camera: self.by_camera,
            memory: self.memory,
        }
    }
}
