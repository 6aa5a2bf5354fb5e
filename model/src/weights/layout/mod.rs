//! Names of other programs' weight files.
//!
//! Every tensor of such a file has one place: it is a tensor of [`crate::dcac::Dcac`]
//! or of the VAE (under `vae.`), or a part of one, or nothing that is used here.

mod tower;
mod unet;
mod vae;

pub use unet::to_diffusers as unet_to_diffusers;
pub use vae::to_diffusers as vae_to_diffusers;

/// Programs whose files can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// OpenAI's CLIP (and OpenCLIP): `visual.*`.
    OpenAiClip,
    /// transformers' CLIP: `vision_model.*`.
    TransformersClip,
    /// timm's vision transformers.
    Timm,
    /// Stable Diffusion's first release: `model.diffusion_model.*`, `first_stage_model.*`.
    LatentDiffusion,
    /// The `unet` folder of diffusers.
    DiffusersUnet,
    /// The `vae` folder of diffusers.
    DiffusersVae,
    /// The authors' implementation of DCAC: `encoder.*`, `denoiser.*`.
    Dcac,
}

/// Where a stored tensor belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of a tensor, or one of the parts that follow each other on its first axis.
    Ours {
        /// Name of the tensor.
        name: String,
        /// Which part, from 0.
        part: usize,
        /// Whether it is stored with its two axes swapped.
        transposed: bool,
    },
    /// Adds nothing if it is zero, and cannot be kept otherwise.
    Zero(&'static str),
    /// Not used, and why.
    Ignored(&'static str),
    /// A name that the layout does not have.
    Unknown,
}

impl Place {
    fn whole(name: impl Into<String>) -> Self {
        Self::part(name, 0)
    }

    fn part(name: impl Into<String>, part: usize) -> Self {
        Self::Ours {
            name: name.into(),
            part,
            transposed: false,
        }
    }

    /// The place under a folder of the model.
    fn under(self, prefix: &str) -> Self {
        match self {
            Self::Ours {
                name,
                part,
                transposed,
            } => Self::Ours {
                name: format!("{prefix}{name}"),
                part,
                transposed,
            },
            other => other,
        }
    }
}

const TOWER: &str = "encoder.vit.";
const UNET: &str = "guidance.unet.";
const VAE: &str = "vae.";

const SCHEDULE: &str = "noise schedule, computed";
const DECODER: &str = "decoder of the VAE, not part of the method";

impl Layout {
    /// The layout of a file that has a tensor of this name, if it is telling.
    pub fn of(name: &str) -> Option<Self> {
        let starts = |prefix| name.starts_with(prefix);
        Some(match name {
            "visual.conv1.weight" => Self::OpenAiClip,
            "vision_model.embeddings.class_embedding" => Self::TransformersClip,
            "patch_embed.proj.weight" => Self::Timm,
            "encoder.image_encoder.conv1.weight" | "image_encoder.conv1.weight" => Self::Dcac,
            "encoder.conv_in.weight" => Self::DiffusersVae,
            "time_embedding.linear_1.weight" => Self::DiffusersUnet,
            _ if starts("model.diffusion_model.") => Self::LatentDiffusion,
            _ => return None,
        })
    }

    /// Where a tensor belongs. `blocks` is the number of residual blocks per level of
    /// the U-Net, which its first release counts through.
    pub fn place(self, name: &str, blocks: usize) -> Place {
        match self {
            Self::OpenAiClip => match name.strip_prefix("visual.") {
                Some(name) => tower::openai(name).under(TOWER),
                None => tower::openai_rest(name),
            },
            Self::TransformersClip => tower::transformers(name).under(TOWER),
            Self::Timm => tower::timm(name).under(TOWER),
            Self::DiffusersUnet => unet::diffusers(name).under(UNET),
            Self::DiffusersVae => vae::diffusers(name).under(VAE),
            Self::LatentDiffusion => latent_diffusion(name, blocks),
            Self::Dcac => dcac(name, blocks),
        }
    }
}

fn latent_diffusion(name: &str, blocks: usize) -> Place {
    if let Some(name) = name.strip_prefix("model.diffusion_model.") {
        return unet::latent_diffusion(name, blocks).under(UNET);
    }
    if let Some(name) = name.strip_prefix("first_stage_model.") {
        return vae::latent_diffusion(name).under(VAE);
    }
    if name.starts_with("cond_stage_model.") {
        return Place::Ignored("text encoder, not part of the method");
    }
    if name.starts_with("model_ema.") {
        return Place::Ignored("moving average of the U-Net, which is in the file too");
    }
    match name.split('.').next_back() {
        // Anything else at the root is a buffer of the sampler.
        Some(last) if last == name => Place::Ignored(SCHEDULE),
        _ => Place::Unknown,
    }
}

fn dcac(name: &str, blocks: usize) -> Place {
    // A file of the encoder alone may leave its first word out.
    let of_encoder = name.strip_prefix("encoder.").unwrap_or(name);
    if let Some(name) = of_encoder.strip_prefix("image_encoder.") {
        return tower::openai(name).under(TOWER);
    }
    if let Some(name) = of_encoder.strip_prefix("bnneck.") {
        return match name {
            "num_batches_tracked" => Place::Ignored("counter of the batch norm, not used"),
            _ => Place::whole(format!("encoder.neck.{name}")),
        };
    }
    if of_encoder == "fc.weight" {
        return Place::whole("classifier.fc.weight");
    }
    if name == "denoiser.model.prompt_emb.prompt_emb" {
        return Place::whole("guidance.condition.prompts");
    }
    if let Some(name) = name.strip_prefix("denoiser.model.") {
        let name = name.strip_prefix("diffusion_model.").unwrap_or(name);
        return unet::latent_diffusion(name, blocks).under(UNET);
    }
    if name.starts_with("denoiser.autoencoder.") {
        return Place::Ignored("VAE, the same as Stable Diffusion's");
    }
    match name.strip_prefix("denoiser.") {
        Some(buffer) if !buffer.contains('.') => Place::Ignored(SCHEDULE),
        _ => Place::Unknown,
    }
}
