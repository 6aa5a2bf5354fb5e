//! The worker that computes embeddings with instructions that every browser has.

fn main() {
    #[cfg(target_arch = "wasm32")]
    dcac_encoder::run_cpu(dcac_model::cpu::Kernel::SIMD128);
}
