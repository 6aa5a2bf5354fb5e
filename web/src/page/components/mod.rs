//! The parts of the page.

mod about;
mod banner;
mod drop_zone;
mod dropped;
mod export;
mod file_button;
mod gallery;
mod map;
mod query;
mod reminds;
mod status;
mod tile;
mod tools;
mod views;
mod why;

pub use about::About;
pub use banner::Banner;
pub use drop_zone::pictures;
pub use gallery::Gallery;
pub use query::Query;
pub use why::Why;
