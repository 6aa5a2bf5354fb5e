//! Which part of the U-Net is trained (Table 5).

use serde::{Deserialize, Serialize};

/// Fine-tuning modes of the diffusion model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FineTune {
    /// Nothing; only the prompts learn.
    Frozen,
    /// The LoRA adapters (the method's default).
    Lora,
    /// Output blocks with the final norm and convolution, and the time embedding.
    Partial1,
    /// As `Partial1`, and the middle block.
    Partial2,
    /// Everything, from pre-trained weights.
    Full,
    /// Everything, from random weights.
    Scratch,
}

impl FineTune {
    /// Whether this mode needs LoRA adapters in the U-Net.
    pub fn uses_lora(self) -> bool {
        self == Self::Lora
    }

    /// Whether the U-Net parameter at a dotted `path` within the U-Net is trained.
    pub fn trains(self, path: &str) -> bool {
        let in_any = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        match self {
            Self::Frozen => false,
            Self::Lora => path.ends_with("lora_a") || path.ends_with("lora_b"),
            // Only with the time embedding do the counts equal Table 6's.
            Self::Partial1 => in_any(&OUTPUT),
            Self::Partial2 => in_any(&OUTPUT) || in_any(&["mid_block"]),
            Self::Full | Self::Scratch => true,
        }
    }
}

const OUTPUT: [&str; 4] = ["time_embedding", "up_blocks", "conv_norm_out", "conv_out"];
