//! The project's build script as a library, so that its tests can use the server and the paths.

pub mod assets;
pub mod bench;
pub mod bench_step;
pub mod bench_web;
pub mod browser;
pub mod demo;
pub mod files;
mod http;
pub mod models;
pub mod offline;
pub mod page;
pub mod parity;
pub mod paths;
pub mod process;
pub mod program;
pub mod python;
pub mod samples;
pub mod server;
pub mod ship;
pub mod site;
pub mod steps;
pub mod toolchain;
pub mod tools;
pub mod trainer;
pub mod verify;
