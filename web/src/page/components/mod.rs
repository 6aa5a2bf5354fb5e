//! The parts of the page.

mod about;
mod banner;
mod beside;
mod cropper;
mod delete;
mod drop_zone;
mod dropped;
mod export;
mod file_button;
mod gallery;
mod label_row;
mod labels;
mod map;
mod modal;
mod models;
mod query;
mod reminds;
mod stage;
mod status;
mod tile;
mod tiles;
mod tools;
mod views;
mod why;

pub use about::About;
pub use banner::Banner;
pub use beside::{Beside, provide_both};
pub use cropper::Cropper;
pub use drop_zone::{files_of, take_drops_elsewhere};
pub use gallery::Gallery;
pub use models::Models;
pub use query::Query;
pub use why::Why;
