//! The parts of the page.

mod about;
mod banner;
mod beside;
mod drop_zone;
mod dropped;
mod file_button;
mod gallery;
mod models;
mod query;
mod status;
mod tile;
mod tools;
mod why;

pub use about::About;
pub use banner::Banner;
pub use beside::{Beside, provide_both};
pub use drop_zone::pictures;
pub use gallery::Gallery;
pub use models::Models;
pub use query::Query;
pub use why::Why;
