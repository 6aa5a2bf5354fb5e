//! Names of the U-Net.

use super::Place;

/// diffusers' names differ in single layers that stand in lists there.
pub(super) fn diffusers(name: &str) -> Place {
    Place::whole(
        transformer(name)
            .replace(".downsamplers.0.conv.", ".downsampler.")
            .replace(".upsamplers.0.conv.", ".upsampler."),
    )
}

/// What diffusers calls a tensor that has this name here.
pub fn to_diffusers(name: &str) -> String {
    name.replace(".to_out.", ".to_out.0.")
        .replace(".ff.proj.", ".ff.net.0.proj.")
        .replace(".ff.out.", ".ff.net.2.")
        .replace(".downsampler.", ".downsamplers.0.conv.")
        .replace(".upsampler.", ".upsamplers.0.conv.")
}

/// Both programs name the layers of a transformer block alike.
fn transformer(name: &str) -> String {
    name.replace(".to_out.0.", ".to_out.")
        .replace(".ff.net.0.proj.", ".ff.proj.")
        .replace(".ff.net.2.", ".ff.out.")
        .replace("lora_A", "lora_a")
        .replace("lora_B", "lora_b")
}

/// The first release's names, which number all blocks of a direction through, with
/// `blocks` residual blocks per level.
pub(super) fn latent_diffusion(name: &str, blocks: usize) -> Place {
    ours(name, blocks).map_or(Place::Unknown, Place::whole)
}

fn ours(name: &str, blocks: usize) -> Option<String> {
    for (theirs, ours) in [
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("input_blocks.0.0.", "conv_in."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
        ("middle_block.1.", "mid_block.attentions.0."),
    ] {
        if let Some(rest) = name.strip_prefix(theirs) {
            return Some(format!("{ours}{}", transformer(rest)));
        }
    }
    if let Some(rest) = name.strip_prefix("middle_block.") {
        let (index, rest) = rest.split_once('.')?;
        let resnet = index.parse::<usize>().ok()? / 2;
        return Some(format!(
            "mid_block.resnets.{resnet}.{}",
            resnet_layer(rest)?
        ));
    }
    let (direction, rest) = name.split_once('.')?;
    let (number, rest) = rest.split_once('.')?;
    let (layer, rest) = rest.split_once('.')?;
    let number: usize = number.parse().ok()?;
    let (level, index, folder) = match direction {
        // The first input block is the first convolution; the last of a level halves.
        "input_blocks" => {
            let number = number.checked_sub(1)?;
            (number / (blocks + 1), number % (blocks + 1), "down_blocks")
        }
        "output_blocks" => (number / (blocks + 1), number % (blocks + 1), "up_blocks"),
        _ => return None,
    };
    let at = format!("{folder}.{level}");
    if let Some(rest) = rest.strip_prefix("op.") {
        return Some(format!("{at}.downsampler.{rest}"));
    }
    if let Some(rest) = rest.strip_prefix("conv.") {
        return Some(format!("{at}.upsampler.{rest}"));
    }
    match layer {
        "0" => Some(format!("{at}.resnets.{index}.{}", resnet_layer(rest)?)),
        "1" => Some(format!("{at}.attentions.{index}.{}", transformer(rest))),
        _ => None,
    }
}

/// A layer of a residual block.
fn resnet_layer(rest: &str) -> Option<String> {
    let (layer, kind) = rest.rsplit_once('.')?;
    let layer = match layer {
        "in_layers.0" => "norm1",
        "in_layers.2" => "conv1",
        "emb_layers.1" => "time_emb_proj",
        "out_layers.0" => "norm2",
        "out_layers.3" => "conv2",
        "skip_connection" => "conv_shortcut",
        _ => return None,
    };
    Some(format!("{layer}.{kind}"))
}
