//! The worker that computes embeddings on the GPU.

fn main() {
    #[cfg(target_arch = "wasm32")]
    dcac_encoder::run_gpu();
}
