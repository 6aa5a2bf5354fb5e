//! The page.

fn main() {
    #[cfg(target_arch = "wasm32")]
    dcac_web::page::run();
}
