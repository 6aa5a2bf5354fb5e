//! The worker that computes embeddings with fused multiply-adds, where a browser has them.

fn main() {
    #[cfg(target_arch = "wasm32")]
    dcac_encoder::run_cpu(dcac_model::cpu::Kernel::relaxed());
}
