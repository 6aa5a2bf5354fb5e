//! The vision transformer itself.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::DType;

use super::VitConfig;
use super::block::Block;
#[cfg(feature = "training")]
use super::positions::sine_positions;
use super::stem::ConvNormAct;
use crate::nn;

/// CLIP's vision tower. Field names are timm's, so exported weights are too.
#[derive(Module, Debug)]
pub struct VisionTransformer<B: Backend> {
    patch_embed: PatchEmbed<B>,
    cls_token: Param<Tensor<B, 3>>,
    pos_embed: Param<Tensor<B, 3>>,
    norm_pre: LayerNorm<B>,
    blocks: Vec<Block<B>>,
    norm: LayerNorm<B>,
    head: Linear<B>,
    bands: usize,
}

#[derive(Module, Debug)]
struct PatchEmbed<B: Backend> {
    backbone: Vec<ConvNormAct<B>>,
    proj: Conv2d<B>,
}

/// What a forward gives.
pub struct VitOutput<B: Backend> {
    /// Projected class token and bands, `[B, embedding]`: z of Equation 5.
    pub embedding: Tensor<B, 2>,
    /// All tokens after the last norm, class token first, `[B, tokens, dim]`.
    pub tokens: Tensor<B, 3>,
}

impl<B: Backend> VisionTransformer<B> {
    /// A tower of random weights. `config` must be valid ([`VitConfig::validate`]).
    pub fn new(config: &VitConfig, device: &B::Device) -> Self {
        let dim = config.dim;
        let (channels, _, _, side) = config.patch_source();
        // CLIP scales class token, positions and projection by 1 / sqrt(width).
        let normal = Initializer::Normal {
            mean: 0.0,
            std: (dim as f64).powf(-0.5),
        };
        Self {
            patch_embed: PatchEmbed {
                backbone: ConvNormAct::stem(config, device),
                proj: Conv2dConfig::new([channels, dim], [side; 2])
                    .with_stride([side; 2])
                    .with_bias(false)
                    .init(device),
            },
            cls_token: normal.init([1, 1, dim], device),
            pos_embed: normal.init([1, config.tokens(), dim], device),
            norm_pre: LayerNormConfig::new(dim).init(device),
            blocks: (0..config.depth)
                .map(|_| Block::new(dim, config.heads, config.mlp_ratio, device))
                .collect(),
            norm: LayerNormConfig::new(dim).init(device),
            head: LinearConfig::new(config.pooled(), config.embedding)
                .with_bias(false)
                .with_initializer(normal)
                .init(device),
            bands: config.bands,
        }
    }

    /// The tower as it begins to learn from random weights.
    ///
    /// Where the class token alone is projected, position embeddings are sines, as large as what
    /// they are added to: CLIP's random ones are small beside the patches and alike for no two
    /// neighbours, and the tower must find out first where a patch lies. Bands know where they lie;
    /// there, blocks add nothing at first (as in ReZero; Bachlechner et al., 2021), so that what is
    /// projected is what the stem sees until the blocks have learned to make more of it.
    #[cfg(feature = "training")]
    pub(crate) fn begun(mut self, config: &VitConfig) -> Self {
        if self.bands > 0 {
            self.blocks = self.blocks.into_iter().map(Block::silent).collect();
            return self;
        }
        let values = burn::tensor::TensorData::new(
            sine_positions(config.dim, config.grid()),
            [1, config.tokens(), config.dim],
        );
        let device = self.pos_embed.device();
        self.pos_embed = Param::from_data(values, &device);
        self
    }

    /// Runs normalised images `[B, 3, height, width]` through the tower, in their number
    /// format; results are f32.
    pub fn forward(&self, images: Tensor<B, 4>) -> VitOutput<B> {
        self.forward_marked(images, None)
    }

    /// [`Self::forward`] with a mark `[B, dim]` added to each image's class token.
    pub(crate) fn forward_marked(
        &self,
        images: Tensor<B, 4>,
        marks: Option<Tensor<B, 2>>,
    ) -> VitOutput<B> {
        let compute = images.dtype();
        let x = self.embed_patches(images, marks);
        let x = self
            .blocks
            .iter()
            .fold(x, |x, block| block.forward(x, compute));
        self.finish(x, compute)
    }

    /// The tokens that the first block takes.
    fn embed_patches(&self, images: Tensor<B, 4>, marks: Option<Tensor<B, 2>>) -> Tensor<B, 3> {
        let [batch, ..] = images.dims();
        let PatchEmbed { backbone, proj } = &self.patch_embed;
        let maps = backbone.iter().fold(images, |x, layer| layer.forward(x));
        let patches = nn::conv2d(proj, maps);
        // The residual stream is f32 in every precision, as under torch's autocast.
        let patches = nn::transpose(nn::cast(patches, DType::F32).flatten::<3>(2, 3));
        let class = self.cls_token.val();
        let [_, _, dim] = class.dims();
        let class = class.expand([batch, 1, dim]);
        let class = match marks {
            Some(marks) => class + marks.unsqueeze_dim(1),
            None => class,
        };
        let x = Tensor::cat(vec![class, patches], 1);
        nn::layer_norm(&self.norm_pre, x + self.pos_embed.val())
    }

    /// What follows the last block.
    fn finish(&self, x: Tensor<B, 3>, compute: DType) -> VitOutput<B> {
        let tokens = nn::layer_norm(&self.norm, x);
        VitOutput {
            embedding: self.project(tokens.clone(), compute),
            tokens,
        }
    }

    /// `[B, embedding]` of the last norm's tokens.
    fn project(&self, tokens: Tensor<B, 3>, compute: DType) -> Tensor<B, 2> {
        let pooled = nn::cast(self.pool(tokens), compute);
        nn::cast(nn::linear(&self.head, pooled), DType::F32)
    }

    /// What is projected, `[B, dim + bands * dim]`: the class token, then the mean of every
    /// band's tokens from top to bottom.
    fn pool(&self, tokens: Tensor<B, 3>) -> Tensor<B, 2> {
        let [batch, count, dim] = tokens.dims();
        let class = tokens.clone().slice([0..batch, 0..1]).squeeze_dim::<2>(1);
        if self.bands == 0 {
            return class;
        }
        let patches = tokens.slice([0..batch, 1..count]);
        let bands = patches.reshape([batch, self.bands, (count - 1) / self.bands, dim]);
        let bands = bands.mean_dim(2).reshape([batch, self.bands * dim]);
        Tensor::cat(vec![class, bands], 1)
    }
}

#[cfg(feature = "training")]
impl<B: burn::tensor::backend::AutodiffBackend> VisionTransformer<B> {
    /// Parts of the picture that are read apart from each other, from top to bottom.
    pub(crate) fn parts(&self) -> usize {
        self.bands.max(1)
    }

    /// Embedding `[B, embedding]` and, as a leaf that gradients are asked of, the tokens `[B,
    /// tokens, dim]` where Grad-CAM looks. Where the class token alone is projected, those are the
    /// output of the last block's first norm: what follows tells the class token nothing new of the
    /// patches. Bands read the patches themselves, so there it is what they read.
    pub(crate) fn forward_to_class_activation(
        &self,
        images: Tensor<B, 4>,
    ) -> (Tensor<B, 2>, Tensor<B, 3>) {
        let compute = images.dtype();
        let x = self.embed_patches(images, None);
        let (last, before) = match self.blocks.split_last() {
            Some((last, before)) if self.bands == 0 => (Some(last), before),
            _ => (None, self.blocks.as_slice()),
        };
        let x = before.iter().fold(x, |x, block| block.forward(x, compute));
        let x = x.detach();
        let Some(last) = last else {
            let tokens = nn::layer_norm(&self.norm, x).detach().require_grad();
            return (self.project(tokens.clone(), compute), tokens);
        };
        let normed = last.norm(x.clone()).detach().require_grad();
        let x = last.forward_normed(x, normed.clone(), compute);
        (self.finish(x, compute).embedding, normed)
    }
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn begun_bands_see_what_the_first_block_takes() {
        let device = Default::default();
        let pictures = Tensor::<Flex, 4>::random([2, 3, 96, 48], Distribution::Default, &device);
        let seen = |bands| {
            let config = VitConfig {
                bands,
                ..VitConfig::tiny()
            };
            let tower = VisionTransformer::<Flex>::new(&config, &device).begun(&config);
            let taken = tower.embed_patches(pictures.clone(), None);
            let [taken, all] = [
                tower.finish(taken, DType::F32).embedding,
                tower.forward(pictures.clone()).embedding,
            ];
            (all - taken).abs().max().into_scalar()
        };
        assert_eq!(seen(4), 0.0);
        assert!(seen(0) > 0.1);
    }

    #[test]
    fn class_activation_sees_the_patches_that_bands_read() {
        type B = burn::backend::Autodiff<Flex>;
        let device = Default::default();
        let config = VitConfig {
            bands: 4,
            ..VitConfig::tiny()
        };
        let tower = VisionTransformer::<B>::new(&config, &device).begun(&config);
        let pictures = Tensor::<B, 4>::random([1, 3, 96, 48], Distribution::Default, &device);
        let (embedding, tokens) = tower.forward_to_class_activation(pictures.clone());
        let apart = embedding.clone() - tower.forward(pictures).embedding;
        assert_eq!(apart.abs().max().into_scalar(), 0.0);
        // Blocks add nothing yet, and yet every patch counts.
        let found = tokens.grad(&embedding.sum().backward()).expect("a leaf");
        let least = found.abs().max_dim(2).min().into_scalar();
        assert!(least > 0.0, "{least}");
    }
}
