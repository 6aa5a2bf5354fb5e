//! Names of CLIP's vision tower.

use super::Place;

const TEXT: &str = "text tower of CLIP, not part of the method";

/// OpenAI's names, without what leads to the tower.
pub(super) fn openai(name: &str) -> Place {
    let whole = match name {
        "class_embedding" => "cls_token".to_string(),
        "positional_embedding" => "pos_embed".to_string(),
        "conv1.weight" => "patch_embed.proj.weight".to_string(),
        "proj" => {
            return Place::Ours {
                name: "head.weight".to_string(),
                part: 0,
                transposed: true,
            };
        }
        "input_resolution" => return Place::Ignored("size, known from the configuration"),
        _ => {
            if let Some(rest) = name.strip_prefix("ln_pre.") {
                format!("norm_pre.{rest}")
            } else if let Some(rest) = name.strip_prefix("ln_post.") {
                format!("norm.{rest}")
            } else if let Some(rest) = name.strip_prefix("transformer.resblocks.") {
                return block(rest, |part| {
                    Some(match part {
                        "ln_1" => "norm1",
                        "ln_2" => "norm2",
                        "attn.out_proj" => "attn.proj",
                        "mlp.c_fc" => "mlp.fc1",
                        "mlp.c_proj" => "mlp.fc2",
                        _ => return None,
                    })
                });
            } else {
                return Place::Unknown;
            }
        }
    };
    Place::whole(whole)
}

/// What else OpenAI's files hold.
pub(super) fn openai_rest(name: &str) -> Place {
    let text = ["transformer.", "token_embedding.", "ln_final."];
    match name {
        "positional_embedding"
        | "text_projection"
        | "logit_scale"
        | "context_length"
        | "vocab_size"
        | "input_resolution" => Place::Ignored(TEXT),
        _ if text.iter().any(|prefix| name.starts_with(prefix)) => Place::Ignored(TEXT),
        _ => Place::Unknown,
    }
}

/// Names of transformers' `CLIPModel` and `CLIPVisionModelWithProjection`.
pub(super) fn transformers(name: &str) -> Place {
    if ["text_model.", "text_projection.", "logit_scale"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    {
        return Place::Ignored(TEXT);
    }
    if name == "visual_projection.weight" {
        return Place::whole("head.weight");
    }
    let Some(name) = name.strip_prefix("vision_model.") else {
        return Place::Unknown;
    };
    match name {
        "embeddings.class_embedding" => return Place::whole("cls_token"),
        "embeddings.position_embedding.weight" => return Place::whole("pos_embed"),
        "embeddings.patch_embedding.weight" => return Place::whole("patch_embed.proj.weight"),
        "embeddings.position_ids" => return Place::Ignored("indices of positions, computed"),
        _ => {}
    }
    // The misspelt name is the one in use.
    if let Some(rest) = name.strip_prefix("pre_layrnorm.") {
        return Place::whole(format!("norm_pre.{rest}"));
    }
    if let Some(rest) = name.strip_prefix("post_layernorm.") {
        return Place::whole(format!("norm.{rest}"));
    }
    let Some(rest) = name.strip_prefix("encoder.layers.") else {
        return Place::Unknown;
    };
    if let Some((index, part)) = rest.split_once(".self_attn.") {
        for (number, projection) in ["q_proj.", "k_proj.", "v_proj."].iter().enumerate() {
            if let Some(end) = part.strip_prefix(projection) {
                return Place::part(format!("blocks.{index}.attn.qkv.{end}"), number);
            }
        }
    }
    block(rest, |part| {
        Some(match part {
            "layer_norm1" => "norm1",
            "layer_norm2" => "norm2",
            "self_attn.out_proj" => "attn.proj",
            "mlp.fc1" => "mlp.fc1",
            "mlp.fc2" => "mlp.fc2",
            _ => return None,
        })
    })
}

/// timm's names are this project's own.
pub(super) fn timm(name: &str) -> Place {
    match name {
        "head.bias" => Place::Zero("CLIP's projection has no bias; timm stores zeros"),
        _ if name.starts_with("neck.") => Place::Ignored("neck of a model folder; CLIP has none"),
        _ => Place::whole(name),
    }
}

/// `INDEX.PART.weight` or `.bias` of a transformer block.
fn block(rest: &str, part_of: impl Fn(&str) -> Option<&'static str>) -> Place {
    let Some((index, rest)) = rest.split_once('.') else {
        return Place::Unknown;
    };
    let qkv = match rest {
        "attn.in_proj_weight" => Some("weight"),
        "attn.in_proj_bias" => Some("bias"),
        _ => None,
    };
    if let Some(kind) = qkv {
        return Place::whole(format!("blocks.{index}.attn.qkv.{kind}"));
    }
    match rest
        .rsplit_once('.')
        .and_then(|(part, kind)| Some((part_of(part)?, kind)))
    {
        Some((part, kind)) => Place::whole(format!("blocks.{index}.{part}.{kind}")),
        None => Place::Unknown,
    }
}
