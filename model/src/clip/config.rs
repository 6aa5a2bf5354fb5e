//! Sizes of a vision transformer.

use serde::{Deserialize, Serialize};

/// Sizes of a CLIP vision tower. `depth`, `heads` and `mlp_ratio` name what
/// they name in timm; the image is `height` x `width` pixels and needs not be square.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Image height in pixels.
    pub height: usize,
    /// Image width in pixels.
    pub width: usize,
    /// Side of a square patch and its stride, in pixels.
    pub patch: usize,
    /// Token width.
    pub dim: usize,
    /// Number of transformer blocks.
    pub depth: usize,
    /// Attention heads; divides `dim`.
    pub heads: usize,
    /// Hidden width of the feed-forward over `dim`.
    pub mlp_ratio: usize,
    /// Width of the projected class token.
    pub embedding: usize,
}

/// A configuration that no transformer can be built from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VitConfigError {
    /// A size is zero.
    #[error("vision transformer: `{0}` is 0, expected at least 1")]
    Zero(&'static str),
    /// The image is no whole number of patches.
    #[error(
        "vision transformer: {height} x {width} pixels cannot be cut into {patch} x {patch} patches; choose a patch size that divides both"
    )]
    Patch {
        /// Image height.
        height: usize,
        /// Image width.
        width: usize,
        /// Patch side.
        patch: usize,
    },
    /// The preprocessing makes another size than the tower takes.
    #[error(
        "preprocessing makes {fed:?} pixels (height, width), the vision transformer takes {expected:?}; make both equal"
    )]
    Input {
        /// Size that preprocessing makes.
        fed: (usize, usize),
        /// Size that the tower takes.
        expected: (usize, usize),
    },
    /// Heads do not divide the width.
    #[error(
        "vision transformer: width {dim} cannot be split into {heads} heads; choose a number of heads that divides it"
    )]
    Heads {
        /// Token width.
        dim: usize,
        /// Heads.
        heads: usize,
    },
}

impl VitConfig {
    /// CLIP ViT-B/16 at 256 x 128.
    pub fn vit_b_16() -> Self {
        Self {
            height: 256,
            width: 128,
            patch: 16,
            dim: 768,
            depth: 12,
            heads: 12,
            mlp_ratio: 4,
            embedding: 512,
        }
    }

    /// A tower that a CPU trains in minutes: 96 x 48 pixels in 32 patches, 3 blocks
    /// of width 96.
    pub fn tiny() -> Self {
        Self {
            height: 96,
            width: 48,
            patch: 12,
            dim: 96,
            depth: 3,
            heads: 3,
            mlp_ratio: 4,
            embedding: 128,
        }
    }

    /// A tower that a browser runs in milliseconds on one core and two cores train in an
    /// hour: 128 x 64 pixels in 32 patches, 6 blocks of width 192; 2.9 million parameters.
    pub fn small() -> Self {
        Self {
            height: 128,
            width: 64,
            patch: 16,
            dim: 192,
            depth: 6,
            heads: 3,
            mlp_ratio: 4,
            embedding: 256,
        }
    }

    /// Checks that a transformer of these sizes exists.
    pub fn validate(&self) -> Result<(), VitConfigError> {
        for (name, value) in [
            ("height", self.height),
            ("width", self.width),
            ("patch", self.patch),
            ("dim", self.dim),
            ("depth", self.depth),
            ("heads", self.heads),
            ("mlp_ratio", self.mlp_ratio),
            ("embedding", self.embedding),
        ] {
            if value == 0 {
                return Err(VitConfigError::Zero(name));
            }
        }
        if !self.height.is_multiple_of(self.patch) || !self.width.is_multiple_of(self.patch) {
            return Err(VitConfigError::Patch {
                height: self.height,
                width: self.width,
                patch: self.patch,
            });
        }
        if !self.dim.is_multiple_of(self.heads) {
            return Err(VitConfigError::Heads {
                dim: self.dim,
                heads: self.heads,
            });
        }
        Ok(())
    }

    /// Patch rows and columns.
    pub fn grid(&self) -> (usize, usize) {
        (self.height / self.patch, self.width / self.patch)
    }

    /// Tokens: one per patch and the class token.
    pub fn tokens(&self) -> usize {
        let (rows, columns) = self.grid();
        rows * columns + 1
    }

    /// Floating-point operations (two per multiply-add) of one image's forward,
    /// counting matrix products and the patch convolution.
    pub fn flops(&self) -> u64 {
        let (tokens, dim) = (self.tokens() as u64, self.dim as u64);
        let patch = (tokens - 1) * 3 * (self.patch * self.patch) as u64 * dim;
        let projections = (4 + 2 * self.mlp_ratio as u64) * dim * dim * tokens;
        let attention = 2 * tokens * tokens * dim;
        let head = dim * self.embedding as u64;
        2 * (patch + self.depth as u64 * (projections + attention) + head)
    }
}
