//! Images to embeddings.

use std::sync::Arc;

use super::block::{Block, Scratch, Stream, Wanted};
use super::kernel::Kernel;
use super::maths::{Norm, normalize};
use super::product::{Linear, Packed, Target, whole};
use super::stem::{self, Stem};
use crate::clip::VitConfig;
use crate::reid::EncoderConfig;
use crate::weights::WeightsError;
use crate::weights::file::File;

/// Tokens that are computed together. Weights are read once for all of them, and what the
/// layers make of them fits a second-level cache.
const TOGETHER: usize = 264;

/// Added to the neck's running variance.
const NECK_EPSILON: f32 = 1e-5;

/// Vision transformer and batch-norm neck, ready to compute on one thread.
pub struct Encoder {
    weights: Arc<Weights>,
    space: Space,
}

/// What does not change.
struct Weights {
    kernel: Kernel,
    vit: VitConfig,
    stem: Stem,
    patch_embed: Linear,
    /// What is added to the tokens of an image: positions, and the class token to the first.
    positions: Vec<f32>,
    norm_pre: Norm,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    neck: Neck,
    /// Whether mirror images are embedded too.
    flip: bool,
    /// Images that are computed together.
    together: usize,
}

/// What images are computed in.
struct Space {
    stem: stem::Space,
    patches: Packed,
    stream: Stream,
    pooled: Packed,
    scratch: Scratch,
}

/// Batch norm with running statistics: a scale and a shift.
struct Neck {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// What the encoder finds in images.
pub struct Features {
    /// L2-normalised neck output, `[n, embedding]`.
    pub embedding: Vec<f32>,
    /// The neck's output before that, which a classifier takes, `[n, embedding]`.
    pub neck: Vec<f32>,
    /// Tokens of the patches after the last norm, row by row, `[n, patches, dim]`; of the images as
    /// they are.
    pub patches: Vec<f32>,
}

impl Encoder {
    /// Rebuilds an exported encoder from the bytes of its `model.safetensors`, as
    /// `ReidEncoder::load` does. 16-bit weights stay 16-bit ones in memory.
    ///
    /// # Errors
    /// Sizes that fit no transformer, bytes that are no safetensors file; tensors that are
    /// missing, left over, of another shape or not finite, all listed by name; and a device
    /// without the memory for it.
    pub fn load(
        config: &EncoderConfig,
        safetensors: &[u8],
        kernel: Kernel,
    ) -> Result<Self, WeightsError> {
        config.validate()?;
        let vit = config.vit.clone();
        let (dim, tokens) = (vit.dim, vit.tokens());
        let (channels, .., side) = vit.patch_source();
        let depth = channels * side * side;
        let mut file = File::open(safetensors)?;
        let stem = Stem::load(&mut file, &vit)?;
        let patch_embed = file.take("patch_embed.proj.weight", &[dim, channels, side, side]);
        let patch_embed = Linear::pack(patch_embed, &[], depth, 0..dim)?;
        let class = file.numbers("cls_token", &[1, 1, dim]);
        let mut positions = file.numbers("pos_embed", &[1, tokens, dim]);
        for (position, class) in positions.iter_mut().zip(class) {
            *position += class;
        }
        let norm_pre = file.norm("norm_pre", dim);
        let blocks = (0..vit.depth).map(|i| Block::load(&mut file, &format!("blocks.{i}"), &vit));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let norm = file.norm("norm", dim);
        let head = file.take("head.weight", &[vit.embedding, vit.pooled()]);
        let head = Linear::pack(head, &[], vit.pooled(), 0..vit.embedding)?;
        let neck = Neck::load(&mut file, vit.embedding);
        file.close()?;

        let weights = Weights {
            kernel,
            stem,
            patch_embed,
            positions,
            norm_pre,
            blocks,
            norm,
            head,
            neck,
            flip: config.flip,
            together: (TOGETHER / tokens).max(1),
            vit,
        };
        Ok(Self {
            space: weights.space()?,
            weights: Arc::new(weights),
        })
    }

    /// An encoder of the same weights in the same memory, for another thread.
    ///
    /// # Errors
    /// There is not the memory to compute in.
    pub fn twin(&self) -> Result<Self, WeightsError> {
        Ok(Self {
            space: self.weights.space()?,
            weights: Arc::clone(&self.weights),
        })
    }

    /// How many images are computed together.
    pub fn together(&self) -> usize {
        self.weights.together
    }

    /// Memory that the weights take, in bytes.
    pub fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// L2-normalised embeddings `[n, embedding]` of normalised images `[n, 3, height, width]`.
    ///
    /// # Panics
    /// If `pixels` is no whole number of images.
    pub fn embed(&mut self, pixels: &[f32]) -> Vec<f32> {
        let mut embeddings = Vec::new();
        let (weights, at) = (&self.weights, &mut self.space);
        for images in weights.groups(pixels) {
            weights.forward(images, weights.pools(), at);
            weights.finish(images, at, &mut embeddings);
        }
        normalize(&mut embeddings, weights.vit.embedding);
        embeddings
    }

    /// [`Self::embed`], what is before the L2 normalisation, and the patch tokens behind it.
    ///
    /// # Panics
    /// If `pixels` is no whole number of images.
    pub fn features(&mut self, pixels: &[f32]) -> Features {
        let (mut neck, mut patches) = (Vec::new(), Vec::new());
        let (weights, at) = (&self.weights, &mut self.space);
        for images in weights.groups(pixels) {
            weights.forward(images, Wanted::All, at);
            for row in (0..at.stream.rows()).filter(|row| row % at.stream.tokens > 0) {
                let start = patches.len();
                patches.resize(start + weights.vit.dim, 0.0);
                (weights.norm).apply(at.stream.row(row), &mut patches[start..]);
            }
            weights.finish(images, at, &mut neck);
        }
        let mut embedding = neck.clone();
        normalize(&mut embedding, weights.vit.embedding);
        Features {
            embedding,
            neck,
            patches,
        }
    }
}

impl Weights {
    fn space(&self) -> Result<Space, WeightsError> {
        let (vit, together) = (&self.vit, self.together);
        let rows = together * vit.tokens();
        let (channels, .., side) = vit.patch_source();
        Ok(Space {
            stem: self.stem.space(together)?,
            patches: Packed::with_space(rows, channels * side * side)?,
            stream: Stream::with_space(rows, vit.dim)?,
            pooled: Packed::with_space(together, vit.pooled())?,
            scratch: Scratch::new(vit, rows)?,
        })
    }

    fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        let norms = self.norm_pre.bytes() + self.norm.bytes();
        let neck = size_of_val(&self.neck.scale[..]) + size_of_val(&self.neck.shift[..]);
        let positions = size_of_val(&self.positions[..]);
        let layers = self.stem.bytes() + self.patch_embed.bytes() + self.head.bytes();
        blocks + norms + neck + positions + layers
    }

    /// Tokens that the embedding is made of.
    fn pools(&self) -> Wanted {
        match self.vit.bands {
            0 => Wanted::Class,
            _ => Wanted::All,
        }
    }

    /// Pixels of images that are computed together.
    fn groups<'a>(&self, pixels: &'a [f32]) -> std::slice::Chunks<'a, f32> {
        let image = 3 * self.vit.height * self.vit.width;
        assert_eq!(
            pixels.len() % image,
            0,
            "pixels of no whole number of images"
        );
        pixels.chunks(self.together * image)
    }

    /// From pixels to what the last block leaves in the stream.
    fn forward(&self, pixels: &[f32], wanted: Wanted, at: &mut Space) {
        self.embed_patches(pixels, at);
        for (i, block) in self.blocks.iter().enumerate() {
            let last = i + 1 == self.blocks.len();
            let wanted = if last { wanted } else { Wanted::All };
            let (x, scratch) = (&mut at.stream, &mut at.scratch);
            block.run(self.kernel, self.vit.heads, x, wanted, scratch);
        }
    }

    /// The tokens that the first block takes.
    fn embed_patches(&self, pixels: &[f32], at: &mut Space) {
        let (channels, height, width, side) = self.vit.patch_source();
        let (dim, tokens, columns) = (self.vit.dim, self.vit.tokens(), width / side);
        let x = &mut at.stream;
        x.tokens = tokens;
        x.images = pixels.len() / (3 * self.vit.height * self.vit.width);
        let wide = &mut at.scratch.wide;
        let maps = (self.stem).run(self.kernel, pixels, &mut at.stem, wide);
        // A class token is the product of no pixels, so that all tokens are one matrix.
        at.patches
            .fill(x.rows(), channels * side * side, |row, out| {
                let (image, token) = (row / tokens, row % tokens);
                let Some(place) = token.checked_sub(1) else {
                    return out.fill(0.0);
                };
                let (top, left) = (place / columns * side, place % columns * side);
                for (i, out) in out.chunks_mut(side).enumerate() {
                    let (channel, y) = (i / side, top + i % side);
                    let line = (image * channels + channel) * height + y;
                    out.copy_from_slice(&maps[line * width + left..][..side]);
                }
            });
        let target = Target {
            values: &mut x.values,
            width: x.width,
        };
        (self.patch_embed).write(self.kernel, &at.patches, target, wide);
        let positions = self.positions.chunks(dim).cycle();
        let mut sum = vec![0.0; dim];
        for (row, position) in x
            .values
            .chunks_mut(x.width)
            .take(x.images * tokens)
            .zip(positions)
        {
            for ((sum, x), position) in sum.iter_mut().zip(&*row).zip(position) {
                *sum = x + position;
            }
            self.norm_pre.apply(&sum, row);
        }
    }

    /// Appends the neck's output for all images in the stream, those with these pixels.
    fn finish(&self, pixels: &[f32], at: &mut Space, out: &mut Vec<f32>) {
        let start = out.len();
        self.finish_stream(at, out);
        if !self.flip {
            return;
        }
        let rows = pixels.chunks(self.vit.width);
        let mirrored: Vec<f32> = rows.flat_map(|row| row.iter().rev()).copied().collect();
        self.forward(&mirrored, self.pools(), at);
        let mut others = Vec::new();
        self.finish_stream(at, &mut others);
        for (value, other) in out[start..].iter_mut().zip(others) {
            *value = (*value + other) / 2.0;
        }
    }

    /// Appends the neck's output for every image in the stream.
    fn finish_stream(&self, at: &mut Space, out: &mut Vec<f32>) {
        let (x, embedding) = (&at.stream, self.vit.embedding);
        let (dim, bands) = (self.vit.dim, self.vit.bands);
        let together = (x.tokens - 1) / bands.max(1);
        let mut token = vec![0.0; dim];
        at.pooled.fill(x.images, self.vit.pooled(), |image, row| {
            let first = image * x.tokens;
            let (class, means) = row.split_at_mut(dim);
            self.norm.apply(x.row(first), class);
            means.fill(0.0);
            for (i, mean) in means.chunks_mut(dim).enumerate() {
                for patch in first + 1 + i * together..first + 1 + (i + 1) * together {
                    self.norm.apply(x.row(patch), &mut token);
                    for (mean, token) in mean.iter_mut().zip(&token) {
                        *mean += token / together as f32;
                    }
                }
            }
        });
        let width = whole(embedding);
        let mut projected = vec![0.0; x.images * width];
        let target = Target {
            values: &mut projected,
            width,
        };
        (self.head).write(self.kernel, &at.pooled, target, &mut at.scratch.wide);
        for row in projected.chunks(width) {
            let affine = self.neck.scale.iter().zip(&self.neck.shift);
            out.extend(
                row.iter()
                    .zip(affine)
                    .map(|(x, (scale, shift))| x * scale + shift),
            );
        }
    }
}

impl Neck {
    fn load(file: &mut File, width: usize) -> Self {
        let mut vector = |name: &str| file.numbers(&format!("neck.{name}"), &[width]);
        let (weight, bias) = (vector("weight"), vector("bias"));
        let (mean, variance) = (vector("running_mean"), vector("running_var"));
        let scale = weight.iter().zip(variance);
        let scale: Vec<f32> = scale
            .map(|(weight, variance)| weight / (variance + NECK_EPSILON).sqrt())
            .collect();
        let shift = bias.iter().zip(mean).zip(&scale);
        let shift = shift.map(|((bias, mean), scale)| bias - mean * scale);
        Self {
            shift: shift.collect(),
            scale,
        }
    }
}
