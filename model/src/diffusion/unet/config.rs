//! Sizes of a U-Net.

use serde::{Deserialize, Serialize};

use super::super::DiffusionConfigError;
use super::super::resnet::resnet_flops;

/// Sizes of a conditional U-Net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnetConfig {
    /// Channels of the latent, in and out.
    pub latent: usize,
    /// Channels of each resolution; every level but the last halves the latent.
    pub channels: Vec<usize>,
    /// Which levels carry transformer blocks.
    pub attention: Vec<bool>,
    /// Residual blocks per level on the way down; one more on the way up.
    pub blocks: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the condition.
    pub context: usize,
    /// Groups of every group norm.
    pub groups: usize,
}

impl UnetConfig {
    /// Stable Diffusion v1.5: 859,520,964 parameters.
    pub fn sd_1_5() -> Self {
        Self {
            latent: 4,
            channels: vec![320, 640, 1280, 1280],
            attention: vec![true, true, true, false],
            blocks: 2,
            heads: 8,
            context: 768,
            groups: 32,
        }
    }

    /// Two levels of 16 and 32 channels, transformers at the coarser one.
    pub fn tiny() -> Self {
        Self {
            latent: 4,
            channels: vec![16, 32],
            attention: vec![false, true],
            blocks: 1,
            heads: 4,
            context: 64,
            groups: 4,
        }
    }

    /// Two levels of 32 and 64 channels, transformers at both.
    pub fn small() -> Self {
        Self {
            latent: 4,
            channels: vec![32, 64],
            attention: vec![true, true],
            blocks: 1,
            heads: 4,
            context: 128,
            groups: 8,
        }
    }

    /// Width of the time embedding.
    pub fn time(&self) -> usize {
        4 * self.channels[0]
    }

    /// Latent positions per position of the coarsest level, along one side.
    pub fn downsampling(&self) -> usize {
        1 << (self.channels.len().max(1) - 1)
    }

    /// Checks that a U-Net of these sizes exists.
    pub fn validate(&self) -> Result<(), DiffusionConfigError> {
        let check = |holds, reason: &str| {
            DiffusionConfigError::check("U-Net", holds, || reason.to_string())
        };
        check(
            !self.channels.is_empty(),
            "`channels` is empty; give one number per level",
        )?;
        check(
            self.channels.len() == self.attention.len(),
            "`channels` and `attention` must have one entry per level each",
        )?;
        check(
            self.blocks > 0 && self.latent > 0 && self.context > 0,
            "`blocks`, `latent` and `context` must be at least 1",
        )?;
        check(
            self.groups > 0 && self.channels.iter().all(|c| *c > 0 && c % self.groups == 0),
            "every entry of `channels` must be a multiple of `groups`",
        )?;
        check(
            self.heads > 0 && self.channels.iter().all(|c| c % self.heads == 0),
            "every entry of `channels` must be a multiple of `heads`",
        )?;
        check(
            self.channels[0].is_multiple_of(2),
            "the first entry of `channels` must be even",
        )
    }

    /// Operations (two per multiply-add) of one forward on a `side` x `side`
    /// latent with a context of one token and LoRA of `rank` (0: none).
    /// Cross-attention is counted as dense, with its query and key projections,
    /// although [`super::Unet`] skips them where they cannot matter.
    pub fn flops(&self, side: usize, rank: usize) -> u64 {
        let time = Some(self.time());
        let width = self.time() as u64;
        let levels = self.channels.len();
        let mut pixels = (side * side) as u64;
        let first = self.channels[0];
        let ends = 2 * 9 * (first * self.latent) as u64 * pixels;
        let mut total = 2 * ends + 2 * (first as u64 * width + width * width);
        let transformer = |channels, pixels| self.transformer_flops(channels, pixels, rank as u64);
        let mut skips = vec![first];
        let mut input = first;
        for (level, &output) in self.channels.iter().enumerate() {
            for _ in 0..self.blocks {
                total += resnet_flops(input, output, time, pixels);
                if self.attention[level] {
                    total += transformer(output, pixels);
                }
                input = output;
                skips.push(output);
            }
            if level + 1 < levels {
                pixels /= 4;
                total += 2 * 9 * (output * output) as u64 * pixels;
                skips.push(output);
            }
        }
        total += 2 * resnet_flops(input, input, time, pixels) + transformer(input, pixels);
        for level in (0..levels).rev() {
            let output = self.channels[level];
            for _ in 0..=self.blocks {
                let skip = skips.pop().unwrap_or(output);
                total += resnet_flops(input + skip, output, time, pixels);
                if self.attention[level] {
                    total += transformer(output, pixels);
                }
                input = output;
            }
            if level > 0 {
                pixels *= 4;
                total += 2 * 9 * (output * output) as u64 * pixels;
            }
        }
        total
    }

    fn transformer_flops(&self, channels: usize, pixels: u64, rank: u64) -> u64 {
        let (width, context) = (channels as u64, self.context as u64);
        // A matrix of `i` x `o` and, with LoRA, its two thin ones.
        let linear = |i: u64, o: u64, tokens: u64| (i * o + rank * (i + o)) * tokens;
        let convolutions = 2 * width * width * pixels;
        let own = 4 * linear(width, width, pixels) + 2 * width * pixels * pixels;
        let cross =
            2 * linear(width, width, pixels) + 2 * linear(context, width, 1) + 2 * width * pixels;
        let feed_forward = linear(width, 8 * width, pixels) + 4 * width * width * pixels;
        2 * (convolutions + own + cross + feed_forward)
    }
}
