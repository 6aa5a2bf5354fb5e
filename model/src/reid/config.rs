//! What an exported model folder says about its encoder.

use serde::{Deserialize, Serialize};

use crate::clip::{VitConfig, VitConfigError};
use crate::image::{Preprocess, Resampling};

/// Architecture and preprocessing of an encoder: the content of `config.json`,
/// enough to rebuild it and to feed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Format version of the model folder.
    pub version: u32,
    /// Sizes of the vision transformer.
    pub vit: VitConfig,
    /// How a picture becomes the encoder's input.
    pub preprocess: Preprocess,
    /// Whether an embedding is that of a picture and its mirror image together: the mean of what
    /// the neck gives for both, as FastReID's `TEST.FLIP`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flip: bool,
}

impl EncoderConfig {
    /// Version of the folder layout that this program writes and reads.
    pub const VERSION: u32 = 1;

    /// The configuration for a tower, with the preprocessing of DCAC: bicubic
    /// resize to the tower's input, mean and standard deviation 0.5.
    pub fn new(vit: VitConfig) -> Self {
        Self {
            version: Self::VERSION,
            preprocess: Preprocess {
                height: vit.height,
                width: vit.width,
                resize: Resampling::Bicubic,
                mean: [0.5; 3],
                std: [0.5; 3],
            },
            flip: false,
            vit,
        }
    }

    /// What tells its embeddings from those of other models, from the SHA-256 of its weights.
    pub fn mark(&self, weights: &str) -> String {
        match self.flip {
            true => format!("{weights}+flip"),
            false => weights.to_string(),
        }
    }

    /// Checks sizes and that the preprocessing fits the tower.
    pub fn validate(&self) -> Result<(), VitConfigError> {
        self.vit.validate()?;
        let fed = (self.preprocess.height, self.preprocess.width);
        if fed != (self.vit.height, self.vit.width) {
            return Err(VitConfigError::Input {
                fed,
                expected: (self.vit.height, self.vit.width),
            });
        }
        Ok(())
    }
}
