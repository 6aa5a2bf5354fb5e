//! The exported encoder on one CPU core, in browsers and natively: the maths of `ReidEncoder` on
//! plain slices, without burn.
//!
//! Where the time goes decides the shape of it. Matrix products take nineteen parts of
//! twenty of ViT-B/16, so both factors lie in the order in which the innermost loop reads
//! them: weights are packed when they are loaded, rows whenever a layer has made them, and
//! what is between two products is done while rows are packed. Of the last block, an
//! embedding needs the class token alone.
//!
//! | file | concept |
//! | --- | --- |
//! | `kernel`, `avx2` | the innermost loop, for each instruction set |
//! | `product` | matrix products of packed rows and packed weights |
//! | `weights` | a layer's weights, packed |
//! | `read` | layers of a safetensors file |
//! | `memory` | allocations that may be refused |
//! | `maths` | norms, softmax, QuickGELU |
//! | `stem` | convolutions before the patches are cut |
//! | `attention`, `block` | a transformer block |
//! | `encoder` | the whole |
//! | `classifier` | the training identities' classifier, where an export carries it |

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod block;
mod classifier;
mod encoder;
mod kernel;
mod maths;
mod memory;
mod product;
mod read;
mod stem;
mod weights;

pub use classifier::classifier;
pub use encoder::{Encoder, Features};
pub use kernel::Kernel;
