//! The files of a published model, sorted.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dcac_model::dcac::DcacConfig;
use dcac_model::weights::Layout;

use super::plan::Sorted;
use super::source;
use crate::tensors::Tensors;

/// Published models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// CLIP: OpenAI's archive or state dict, a transformers folder, timm's file
    Clip,
    /// Stable Diffusion v1.5: a .ckpt or .safetensors file, or a diffusers folder
    Sd,
    /// A checkpoint of the authors' DCAC: the encoder alone or the whole model
    Dcac,
}

impl Kind {
    fn layouts(self) -> &'static [Layout] {
        match self {
            Self::Clip => &[Layout::OpenAiClip, Layout::TransformersClip, Layout::Timm],
            Self::Sd => &[
                Layout::LatentDiffusion,
                Layout::DiffusersUnet,
                Layout::DiffusersVae,
            ],
            Self::Dcac => &[Layout::Dcac],
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Clip => {
                "CLIP's vision tower (`visual.conv1.weight`, `vision_model.*` or timm's `patch_embed.proj.weight`)"
            }
            Self::Sd => {
                "Stable Diffusion (`model.diffusion_model.*` and `first_stage_model.*`, or a folder with `unet` and `vae`)"
            }
            Self::Dcac => "a DCAC checkpoint (`encoder.image_encoder.*`)",
        }
    }
}

/// Names that the weights' files of a folder may have, the better ones first.
const FILES: [&str; 6] = [
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
];

/// Opens a file or folder.
pub fn open(kind: Kind, path: &Path, config: &DcacConfig) -> Result<Sorted> {
    let unet = config.diffusion.as_ref().map(|diffusion| &diffusion.unet);
    // Without a U-Net, no name counts through its blocks.
    let blocks = unet.map_or(1, |unet| unet.blocks);
    let mut sorted = Sorted::default();
    for file in list(kind, path)? {
        let tensors = unwrap(source::open(&file)?, &mut sorted);
        let known = |name: &String| Layout::of(name).filter(|found| kind.layouts().contains(found));
        let layout = tensors.keys().find_map(known).with_context(|| {
            let first: Vec<&str> = tensors.keys().take(3).map(String::as_str).collect();
            format!(
                "{} does not hold {}; its first tensors are {}",
                file.display(),
                kind.expected(),
                first.join(", ")
            )
        })?;
        (sorted.add(tensors, layout, blocks)).with_context(|| file.display().to_string())?;
    }
    Ok(sorted)
}

fn list(kind: Kind, path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let folders = match kind {
        Kind::Sd => vec![path.join("unet"), path.join("vae")],
        Kind::Clip | Kind::Dcac => vec![path.to_path_buf()],
    };
    (folders.iter())
        .map(|folder| {
            let mut files = FILES.iter().map(|name| folder.join(name));
            let Some(file) = files.find(|file| file.is_file()) else {
                bail!(
                    "{} holds no file of weights; expected one of {}",
                    folder.display(),
                    FILES.join(", ")
                );
            };
            Ok(file)
        })
        .collect()
}

/// Takes the weights out of what training programs wrap them in.
fn unwrap(tensors: Tensors, sorted: &mut Sorted) -> Tensors {
    let mut kept = tensors;
    for wrapper in ["state_dict.", "module."] {
        if kept.keys().any(|name| name.starts_with(wrapper)) {
            let all = kept.len();
            kept = (kept.into_iter())
                .filter_map(|(name, stored)| {
                    Some((name.strip_prefix(wrapper)?.to_string(), stored))
                })
                .collect();
            sorted.ignore("training state beside the weights", all - kept.len());
        }
    }
    kept
}
