//! What the whole-system tests share: the trainer's program, a served site, a browser.

pub mod axe;
pub mod benchmark;
pub mod browser;
pub mod data_sets;
pub mod devtools;
pub mod embeddings;
pub mod host;
pub mod map;
pub mod page;
pub mod pauses;
pub mod place;
pub mod saved;
pub mod served;
pub mod site;
pub mod trainer;
