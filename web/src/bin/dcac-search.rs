//! The worker that holds the gallery's embeddings and answers the page.

fn main() {
    #[cfg(target_arch = "wasm32")]
    dcac_web::search::run();
}
