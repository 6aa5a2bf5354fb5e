//! Names of the VAE's encoder.

use super::{DECODER, Place};

/// Layers of the middle's attention, in the names that diffusers has used so far.
const ATTENTION: [(&str, &str); 9] = [
    ("group_norm", "group_norm"),
    ("to_q", "to_q"),
    ("to_k", "to_k"),
    ("to_v", "to_v"),
    ("to_out.0", "to_out"),
    ("query", "to_q"),
    ("key", "to_k"),
    ("value", "to_v"),
    ("proj_attn", "to_out"),
];

/// diffusers' names.
pub(super) fn diffusers(name: &str) -> Place {
    if name.starts_with("decoder.") || name.starts_with("post_quant_conv.") {
        return Place::Ignored(DECODER);
    }
    if let Some(rest) = name.strip_prefix("encoder.mid_block.attentions.0.") {
        return attention(rest, &ATTENTION);
    }
    Place::whole(name.replace(".downsamplers.0.conv.", ".downsampler."))
}

/// What diffusers calls a tensor that has this name here.
pub fn to_diffusers(name: &str) -> String {
    name.replace(".mid_block.attention.", ".mid_block.attentions.0.")
        .replace(".to_out.", ".to_out.0.")
        .replace(".downsampler.", ".downsamplers.0.conv.")
        .replace(".upsampler.", ".upsamplers.0.conv.")
}

/// The first release's names.
pub(super) fn latent_diffusion(name: &str) -> Place {
    if name.starts_with("quant_conv.") {
        return Place::whole(name);
    }
    match name.strip_prefix("encoder.") {
        Some(name) => encoder(name).unwrap_or(Place::Unknown),
        None if name.starts_with("decoder.") || name.starts_with("post_quant_conv.") => {
            Place::Ignored(DECODER)
        }
        None if name.starts_with("loss.") => Place::Ignored("training loss of the VAE, not used"),
        None => Place::Unknown,
    }
}

fn encoder(name: &str) -> Option<Place> {
    if let Some(rest) = name.strip_prefix("mid.attn_1.") {
        let names = [
            ("norm", "group_norm"),
            ("q", "to_q"),
            ("k", "to_k"),
            ("v", "to_v"),
            ("proj_out", "to_out"),
        ];
        return Some(attention(rest, &names));
    }
    for (theirs, ours) in [
        ("mid.block_1.", "mid_block.resnets.0."),
        ("mid.block_2.", "mid_block.resnets.1."),
        ("norm_out.", "conv_norm_out."),
        ("conv_in.", "conv_in."),
        ("conv_out.", "conv_out."),
    ] {
        if let Some(rest) = name.strip_prefix(theirs) {
            return Some(Place::whole(format!("encoder.{ours}{rest}")));
        }
    }
    let (level, rest) = name.strip_prefix("down.")?.split_once('.')?;
    let at = format!("encoder.down_blocks.{level}");
    if let Some(rest) = rest.strip_prefix("downsample.conv.") {
        return Some(Place::whole(format!("{at}.downsampler.{rest}")));
    }
    let (index, rest) = rest.strip_prefix("block.")?.split_once('.')?;
    let rest = rest.replace("nin_shortcut.", "conv_shortcut.");
    Some(Place::whole(format!("{at}.resnets.{index}.{rest}")))
}

/// `LAYER.weight` or `.bias` of the attention.
fn attention(rest: &str, names: &[(&str, &str)]) -> Place {
    let found = rest.rsplit_once('.').and_then(|(layer, kind)| {
        let (_, ours) = names.iter().find(|(theirs, _)| *theirs == layer)?;
        Some(format!("encoder.mid_block.attention.{ours}.{kind}"))
    });
    found.map_or(Place::Unknown, Place::whole)
}
