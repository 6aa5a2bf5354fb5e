//! Image to embedding.

use burn::module::Module;
use burn::prelude::*;

use super::EncoderConfig;
use crate::clip::VisionTransformer;
use crate::nn::{BatchNorm1d, BatchStats};
use crate::weights::{self, Precision, WeightsError};

/// Vision transformer and batch-norm neck: all that inference needs.
#[derive(Module, Debug)]
pub struct ReidEncoder<B: Backend> {
    pub(super) vit: VisionTransformer<B>,
    pub(super) neck: BatchNorm1d<B>,
    /// Whether mirror images are embedded too.
    flip: bool,
}

/// Embedding and what leads to it, of a batch.
pub struct Features<B: Backend> {
    /// L2-normalised neck output, `[B, embedding]`.
    pub embedding: Tensor<B, 2>,
    /// The same before it is normalised: what the classifier takes.
    pub neck: Tensor<B, 2>,
    /// Tokens of the patches after the last norm, row by row, `[B, patches, dim]`; of the images as
    /// they are.
    pub patches: Tensor<B, 3>,
}

impl<B: Backend> ReidEncoder<B> {
    /// An encoder of random weights. `config` must be valid.
    pub fn new(config: &EncoderConfig, device: &B::Device) -> Self {
        Self {
            vit: VisionTransformer::new(&config.vit, device),
            neck: BatchNorm1d::new(config.vit.embedding, device),
            flip: config.flip,
        }
    }

    /// The encoder as it begins to learn from random weights.
    #[cfg(feature = "training")]
    pub(crate) fn begun(mut self, config: &EncoderConfig) -> Self {
        self.vit = self.vit.begun(&config.vit);
        self
    }

    /// Rebuilds an exported encoder from the bytes of its `model.safetensors`.
    ///
    /// # Errors
    /// Sizes that fit no transformer, bytes that are no safetensors file, and
    /// tensors that are missing, left over or of another shape, all listed by name.
    pub fn load(
        config: &EncoderConfig,
        bytes: &[u8],
        device: &B::Device,
    ) -> Result<Self, WeightsError> {
        config.validate()?;
        weights::load(Self::new(config, device), bytes, stored)
    }

    /// The bytes of a `model.safetensors`: timm's names for the transformer at the
    /// file's root, the neck under `neck.`.
    pub fn save(&self, precision: Precision) -> Result<Vec<u8>, WeightsError> {
        weights::save(self, precision, stored)
    }

    /// L2-normalised embeddings `[B, embedding]` of normalised images
    /// `[B, 3, height, width]`, with the neck's running statistics.
    pub fn embed(&self, images: Tensor<B, 4>) -> Tensor<B, 2> {
        l2_normalize(self.forward(images).0)
    }

    /// [`Self::embed`], the neck's output and the patch tokens behind it.
    pub fn features(&self, images: Tensor<B, 4>) -> Features<B> {
        let (neck, tokens) = self.forward(images);
        let [batch, count, _] = tokens.dims();
        Features {
            embedding: l2_normalize(neck.clone()),
            neck,
            patches: tokens.slice([0..batch, 1..count]),
        }
    }

    /// The neck's output and all tokens.
    fn forward(&self, images: Tensor<B, 4>) -> (Tensor<B, 2>, Tensor<B, 3>) {
        let [batch, ..] = images.dims();
        let images = match self.flip {
            true => Tensor::cat(vec![images.clone(), mirrored(images)], 0),
            false => images,
        };
        let output = self.vit.forward(images);
        let (mut embedding, mut tokens) = (output.embedding, output.tokens);
        if self.flip {
            let half = |from| embedding.clone().narrow(0, from, batch);
            embedding = (half(0) + half(batch)) / 2.0;
            tokens = tokens.narrow(0, 0, batch);
        }
        (self.neck.forward(embedding), tokens)
    }

    /// What the neck takes, `[B, embedding]`, with marks `[B, dim]` on the class tokens.
    #[cfg(feature = "training")]
    pub(crate) fn embed_before_neck(
        &self,
        images: Tensor<B, 4>,
        marks: Option<Tensor<B, 2>>,
    ) -> Tensor<B, 2> {
        self.vit.forward_marked(images, marks).embedding
    }

    /// Neck output `[B, embedding]` of [`Self::embed_before_neck`] under the batch's own
    /// statistics, not normalised, and those statistics.
    #[cfg(feature = "training")]
    pub(crate) fn neck_train(&self, embeddings: Tensor<B, 2>) -> (Tensor<B, 2>, BatchStats<B>) {
        self.neck.forward_train(embeddings)
    }

    /// Folds a batch's statistics into the neck.
    pub fn absorb(mut self, stats: &BatchStats<B>) -> Self {
        self.neck = self.neck.absorb(stats);
        self
    }
}

/// Images from right to left, each number times 1: kernels that turn tensors around would be a
/// tenth of the browser's program.
fn mirrored<B: Backend>(images: Tensor<B, 4>) -> Tensor<B, 4> {
    let (shape, device) = (images.shape(), images.device());
    let width = shape[3];
    let mut turn = vec![0.0_f32; width * width];
    for (row, column) in (0..width).zip((0..width).rev()) {
        turn[row * width + column] = 1.0;
    }
    let turn: Tensor<B, 2> = Tensor::from_data(TensorData::new(turn, [width, width]), &device);
    let rows: Tensor<B, 2> = images.reshape([-1, width as i32]);
    let turn = turn.cast(rows.dtype());
    rows.matmul(turn).reshape(shape)
}

/// Scales every row of `[B, D]` to length 1.
pub(crate) fn l2_normalize<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let norm = x.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    x / norm
}

/// The file's name of a tensor: the transformer's stand at its root.
fn stored(name: &str) -> String {
    name.strip_prefix("vit.").unwrap_or(name).to_string()
}
