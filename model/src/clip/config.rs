//! Sizes of a vision transformer.

use serde::{Deserialize, Serialize};

/// Groups in which deeper layers of a stem are normalised.
const STEM_GROUPS: usize = 8;

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
    /// Channels of the convolutions before the patches are cut, each of 3 x 3 and stride 2
    /// (Xiao et al., 2021): pictures teach a tower that begins with them in far fewer steps.
    /// None in CLIP's towers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stem: Vec<usize>,
    /// Whether two more convolutions follow each of the stem's but the first, added to what they
    /// take (He et al., 2016) and normalised channel by channel (IBN-Net-b; Pan et al., 2018).
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: bool,
    /// Token width.
    pub dim: usize,
    /// Number of transformer blocks.
    pub depth: usize,
    /// Attention heads; divides `dim`.
    pub heads: usize,
    /// Hidden width of the feed-forward over `dim`.
    pub mlp_ratio: usize,
    /// Horizontal bands of patch rows whose mean tokens are projected together with the class
    /// token (as parts are in PCB; Sun et al., 2018); divides the rows. 0, as in CLIP: the class
    /// token alone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bands: usize,
    /// Width of the projection.
    pub embedding: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// The stem's strides are no part of a patch.
    #[error(
        "vision transformer: {convolutions} convolutions of stride 2 make no whole number of a {patch} x {patch} patch; choose a patch size that 2 to the power of {convolutions} divides, or a shorter `stem`"
    )]
    Stem {
        /// Convolutions of the stem.
        convolutions: usize,
        /// Patch side.
        patch: usize,
    },
    /// Channels of the stem that cannot be normalised in groups.
    #[error(
        "vision transformer: `stem` has {channels} channels in convolution {convolution}; from the third on choose multiples of {STEM_GROUPS}"
    )]
    StemGroups {
        /// Which one, from 1.
        convolution: usize,
        /// Its channels.
        channels: usize,
    },
    /// Patch rows that cannot be shared among the bands.
    #[error(
        "vision transformer: {rows} rows of patches cannot be split into {bands} `bands`; choose a number that divides the rows"
    )]
    Bands {
        /// Rows of patches.
        rows: usize,
        /// Bands.
        bands: usize,
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
            stem: Vec::new(),
            residual: false,
            bands: 0,
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
            stem: Vec::new(),
            residual: false,
            bands: 0,
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
            stem: Vec::new(),
            residual: false,
            bands: 0,
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
        self.validate_stem()?;
        if !self.dim.is_multiple_of(self.heads) {
            return Err(VitConfigError::Heads {
                dim: self.dim,
                heads: self.heads,
            });
        }
        let (rows, _) = self.grid();
        if self.bands > 0 && !rows.is_multiple_of(self.bands) {
            return Err(VitConfigError::Bands {
                rows,
                bands: self.bands,
            });
        }
        Ok(())
    }

    fn validate_stem(&self) -> Result<(), VitConfigError> {
        let convolutions = self.stem.len();
        let stride = u32::try_from(convolutions)
            .ok()
            .and_then(|n| 2usize.checked_pow(n));
        if !stride.is_some_and(|stride| self.patch.is_multiple_of(stride)) {
            return Err(VitConfigError::Stem {
                convolutions,
                patch: self.patch,
            });
        }
        for (i, &channels) in self.stem.iter().enumerate() {
            if channels == 0 {
                return Err(VitConfigError::Zero("stem"));
            }
            if !channels.is_multiple_of(self.stem_groups(i)) {
                return Err(VitConfigError::StemGroups {
                    convolution: i + 1,
                    channels,
                });
            }
        }
        Ok(())
    }

    /// Groups in which the channels after a convolution of the stem, counted from 0, are
    /// normalised: each channel by itself after the first two, which takes away what a camera
    /// does to colours and contrast, while what is deeper keeps how channels compare (the shallow
    /// layers alone, as in IBN-Net; Pan et al., 2018).
    pub fn stem_groups(&self, convolution: usize) -> usize {
        match convolution {
            0 | 1 => self.stem[convolution],
            _ => STEM_GROUPS,
        }
    }

    /// Whether more convolutions follow one of the stem, counted from 0.
    pub fn has_residual(&self, convolution: usize) -> bool {
        self.residual && convolution > 0
    }

    /// Width of what is projected: the class token and the bands' means.
    pub fn pooled(&self) -> usize {
        self.dim * (1 + self.bands)
    }

    /// What patches are cut of: channels, height, width, and a patch's side.
    pub fn patch_source(&self) -> (usize, usize, usize, usize) {
        let stride = 1 << self.stem.len();
        (
            self.stem.last().copied().unwrap_or(3),
            self.height / stride,
            self.width / stride,
            self.patch / stride,
        )
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
    /// counting matrix products and convolutions.
    pub fn flops(&self) -> u64 {
        let (tokens, dim) = (self.tokens() as u64, self.dim as u64);
        let (channels, _, _, side) = self.patch_source();
        let mut patch = (tokens - 1) * (channels * side * side) as u64 * dim;
        let (mut places, mut before) = (self.height * self.width, 3);
        for (i, &channels) in self.stem.iter().enumerate() {
            places /= 4;
            let more = if self.has_residual(i) {
                2 * channels
            } else {
                0
            };
            patch += (places * 9 * channels * (before + more)) as u64;
            before = channels;
        }
        let projections = (4 + 2 * self.mlp_ratio as u64) * dim * dim * tokens;
        let attention = 2 * tokens * tokens * dim;
        let head = (self.pooled() * self.embedding) as u64;
        2 * (patch + self.depth as u64 * (projections + attention) + head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_stem(patch: usize, stem: &[usize]) -> VitConfig {
        VitConfig {
            height: 128,
            width: 64,
            patch,
            stem: stem.to_vec(),
            ..VitConfig::tiny()
        }
    }

    #[test]
    fn a_stem_takes_its_part_of_a_patch() {
        let config = with_stem(16, &[16, 32, 64]);
        config.validate().unwrap();
        assert_eq!(config.patch_source(), (64, 16, 8, 2));
        assert_eq!(config.tokens(), with_stem(16, &[]).tokens());
        // 3 x 3 kernels at 64 x 32, 32 x 16 and 16 x 8 places, and patches of 2 x 2 x 64 in place
        // of 16 x 16 x 3, two operations each.
        let more = 2048 * 27 * 16 + 512 * 144 * 32 + 128 * 288 * 64;
        let patches = 32 * 96 * (64 * 4 - 3 * 256);
        let difference = config.flops() as i64 - with_stem(16, &[]).flops() as i64;
        assert_eq!(difference, 2 * (more + patches));
    }

    #[test]
    fn stems_that_do_not_fit_are_refused() {
        let refused = |patch, stem: &[usize]| with_stem(patch, stem).validate().unwrap_err();
        let error = refused(4, &[16, 32, 64]).to_string();
        assert!(error.contains("3 convolutions of stride 2"), "{error}");
        assert!(error.contains("4 x 4 patch"), "{error}");
        let error = refused(16, &[5, 6, 20]).to_string();
        assert!(error.contains("20 channels in convolution 3"), "{error}");
        assert!(error.contains("multiples of 8"), "{error}");
        assert_eq!(refused(16, &[16, 0]), VitConfigError::Zero("stem"));
        assert!(matches!(
            refused(16, &[8; 64]),
            VitConfigError::Stem {
                convolutions: 64,
                ..
            }
        ));
    }

    #[test]
    fn residuals_and_bands_are_counted() {
        let plain = with_stem(16, &[16, 32, 64]);
        let config = VitConfig {
            residual: true,
            bands: 4,
            ..plain.clone()
        };
        config.validate().unwrap();
        // Two 3 x 3 kernels each at 32 x 16 and 16 x 8 places, and four more tokens projected.
        let residuals = 2 * (512 * 9 * 32 * 32 + 128 * 9 * 64 * 64);
        let projected = 4 * 96 * 128;
        assert_eq!(config.flops() - plain.flops(), 2 * (residuals + projected));
    }

    #[test]
    fn bands_that_do_not_divide_the_rows_are_refused() {
        let config = VitConfig {
            bands: 3,
            ..VitConfig::tiny()
        };
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("8 rows of patches"), "{error}");
        assert!(error.contains("into 3 `bands`"), "{error}");
    }

    #[test]
    fn configurations_of_a_plain_tower_do_not_mention_the_rest() {
        let json = serde_json::to_string(&VitConfig::tiny()).unwrap();
        for key in ["stem", "residual", "bands"] {
            assert!(!json.contains(key), "{json}");
        }
        let read: VitConfig = serde_json::from_str(&json).unwrap();
        assert_eq!(read, VitConfig::tiny());
    }
}
