//! A pre-norm transformer block, and what it is computed in.

use super::attention::{Attention, Rows, Shape};
use super::kernel::{COLUMNS, Kernel};
use super::maths::{Norm, quick_gelu};
use super::memory::filled;
use super::product::{Linear, Packed, Target, Wide, whole};
use crate::clip::VitConfig;
use crate::weights::WeightsError;
use crate::weights::file::File;

/// The residual stream: tokens of images, in rows of a whole number of panels.
pub(super) struct Stream {
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    /// Images in it.
    pub(super) images: usize,
    /// Tokens that each image has left.
    pub(super) tokens: usize,
    dim: usize,
}

impl Stream {
    /// Space for `rows` tokens.
    pub(super) fn with_space(rows: usize, dim: usize) -> Result<Self, WeightsError> {
        let width = whole(dim);
        Ok(Self {
            values: filled(0.0, [rows, width])?,
            width,
            images: 0,
            tokens: 0,
            dim,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.images * self.tokens
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.dim]
    }

    fn target(&mut self) -> Target<'_> {
        Target {
            values: &mut self.values,
            width: self.width,
        }
    }

    /// Drops all tokens but the first of each image.
    fn keep_class(&mut self) {
        for image in 1..self.images {
            let from = image * self.tokens * self.width;
            (self.values).copy_within(from..from + self.width, image * self.width);
        }
        self.tokens = 1;
    }
}

/// Which tokens are wanted of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// The class token of every image: of the others only keys and values are computed.
    Class,
}

/// `x + attention(norm1(x))`, then `x + mlp(norm2(x))`.
pub(super) struct Block {
    norm1: Norm,
    query: Linear,
    key_value: Linear,
    proj: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
}

/// What a block is computed in.
pub(super) struct Scratch {
    normed: Packed,
    query: Vec<f32>,
    key_value: Vec<f32>,
    attention: Attention,
    mixed: Vec<f32>,
    hidden: Vec<f32>,
    activated: Packed,
    pub(super) wide: Box<Wide>,
}

impl Scratch {
    /// Space for `rows` tokens.
    pub(super) fn new(vit: &VitConfig, rows: usize) -> Result<Self, WeightsError> {
        let (dim, hidden) = (vit.dim, vit.mlp_ratio * vit.dim);
        Ok(Self {
            attention: Attention::new(vit.tokens(), dim / vit.heads)?,
            normed: Packed::with_space(rows, dim)?,
            query: filled(0.0, [rows, whole(dim)])?,
            key_value: filled(0.0, [rows, whole(2 * dim)])?,
            mixed: filled(0.0, [rows, (whole(dim) + COLUMNS)])?,
            hidden: filled(0.0, [rows, whole(hidden)])?,
            activated: Packed::with_space(rows, hidden)?,
            wide: Wide::new(),
        })
    }
}

impl Block {
    pub(super) fn load(file: &mut File, name: &str, vit: &VitConfig) -> Result<Self, WeightsError> {
        let (dim, hidden) = (vit.dim, vit.mlp_ratio * vit.dim);
        let qkv = file.take(&format!("{name}.attn.qkv.weight"), &[3 * dim, dim]);
        let bias = file.numbers(&format!("{name}.attn.qkv.bias"), &[3 * dim]);
        Ok(Self {
            norm1: file.norm(&format!("{name}.norm1"), dim),
            query: Linear::pack(qkv, &bias, dim, 0..dim)?,
            key_value: Linear::pack(qkv, &bias, dim, dim..3 * dim)?,
            proj: file.linear(&format!("{name}.attn.proj"), dim, dim)?,
            norm2: file.norm(&format!("{name}.norm2"), dim),
            fc1: file.linear(&format!("{name}.mlp.fc1"), dim, hidden)?,
            fc2: file.linear(&format!("{name}.mlp.fc2"), hidden, dim)?,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let layers = [
            &self.query,
            &self.key_value,
            &self.proj,
            &self.fc1,
            &self.fc2,
        ];
        let layers: usize = layers.iter().map(|layer| layer.bytes()).sum();
        layers + self.norm1.bytes() + self.norm2.bytes()
    }

    pub(super) fn run(
        &self,
        kernel: Kernel,
        heads: usize,
        x: &mut Stream,
        wanted: Wanted,
        at: &mut Scratch,
    ) {
        self.attend(kernel, heads, x, wanted, at);
        pack_normed(&self.norm2, x, &mut at.normed);
        let width = whole(self.fc1.outputs());
        let hidden = Target {
            values: &mut at.hidden,
            width,
        };
        self.fc1.write(kernel, &at.normed, hidden, &mut at.wide);
        let hidden = Rows {
            values: &at.hidden,
            width,
        };
        at.activated.fill(x.rows(), self.fc1.outputs(), |i, row| {
            quick_gelu(hidden.part(i, 0, row.len()), row);
        });
        self.fc2
            .add(kernel, &at.activated, x.target(), &mut at.wide);
    }

    fn attend(
        &self,
        kernel: Kernel,
        heads: usize,
        x: &mut Stream,
        wanted: Wanted,
        at: &mut Scratch,
    ) {
        let (tokens, dim) = (x.tokens, x.dim);
        pack_normed(&self.norm1, x, &mut at.normed);
        let key_value = Target {
            values: &mut at.key_value,
            width: whole(2 * dim),
        };
        (self.key_value).write(kernel, &at.normed, key_value, &mut at.wide);
        if wanted == Wanted::Class {
            x.keep_class();
            pack_normed(&self.norm1, x, &mut at.normed);
        }
        let query = Target {
            values: &mut at.query,
            width: x.width,
        };
        self.query.write(kernel, &at.normed, query, &mut at.wide);
        let shape = Shape {
            images: x.images,
            queries: x.tokens,
            tokens,
            heads,
            head: dim / heads,
        };
        let query = Rows {
            values: &at.query,
            width: x.width,
        };
        let key_value = Rows {
            values: &at.key_value,
            width: whole(2 * dim),
        };
        let width = x.width + COLUMNS;
        let mixed = Target {
            values: &mut at.mixed,
            width,
        };
        (at.attention).run(kernel, shape, query, key_value, mixed);
        let mixed = Rows {
            values: &at.mixed,
            width,
        };
        (at.normed).fill(x.rows(), dim, |i, row| {
            row.copy_from_slice(mixed.part(i, 0, dim));
        });
        self.proj.add(kernel, &at.normed, x.target(), &mut at.wide);
    }
}

fn pack_normed(norm: &Norm, x: &Stream, normed: &mut Packed) {
    normed.fill(x.rows(), x.dim, |i, row| norm.apply(x.row(i), row));
}
