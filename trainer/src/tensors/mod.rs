//! Files of tensors, read and written one tensor at a time.

mod read;
mod stored;
mod write;

pub use read::{Tensors, safetensors};
pub use stored::{Format, Stored, TensorFile};
pub use write::write_safetensors;
