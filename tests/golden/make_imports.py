"""Writes import/: tiny models in every published layout, and what they must become.

One CLIP, one Stable Diffusion and one DCAC of random weights that are exact in bf16 and in f16,
so that all layouts and number formats hold the same numbers. That the layouts are the published
ones is checked here by the libraries' own converters: timm's for OpenAI's CLIP, diffusers' for
Stable Diffusion's first release. `import/model.toml` has the sizes.

crop.png [32, 16] and embedding [1, 12]: the picture's features of transformers' CLIP, L2-normalised
after a batch norm of mean 0 and variance 1; dcac_embedding: after DCAC's neck.
"""

import pathlib
import sys
import types

import numpy as np
import timm
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from PIL import Image
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

HERE = pathlib.Path(__file__).parent / "import"
WIDTH, DEPTH, HEADS, PATCH, EMBEDDING = 16, 2, 2, 8, 12
IDENTITIES, CONTEXT, RANK = 5, 10, 2


def exact(*shape, std=1.0):
    """Normal values of at most 8 significant bits and no tiny exponents: exact in bf16 and f16."""
    value = (torch.randn(*shape) * std).clamp(-4, 4)
    value = torch.where(value.abs() < 2**-6, torch.full_like(value, 2**-6), value)
    return value.bfloat16().float()


@torch.no_grad()
def randomize(model):
    for name, parameter in model.named_parameters():
        shape = parameter.shape
        if len(shape) == 1 and name.endswith("weight"):
            parameter.copy_((1 + exact(*shape, std=0.25)).bfloat16().float())
        else:
            fan_in = max(shape[1:].numel(), 1)
            parameter.copy_(exact(*shape, std=max(fan_in, 4) ** -0.5))
    return model.eval()


def clip():
    config = CLIPVisionConfig(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH, patch_size=PATCH, image_size=3 * PATCH,
        projection_dim=EMBEDDING, hidden_act="quick_gelu", layer_norm_eps=1e-5,
    )
    return randomize(CLIPVisionModelWithProjection(config))


def openai_names(model):
    """transformers' CLIP in OpenAI's names, as in the state dict of its release."""
    theirs = dict(model.state_dict())
    ours = {
        "class_embedding": theirs["vision_model.embeddings.class_embedding"],
        "positional_embedding": theirs["vision_model.embeddings.position_embedding.weight"],
        "conv1.weight": theirs["vision_model.embeddings.patch_embedding.weight"],
        "proj": theirs["visual_projection.weight"].T,
    }
    for kind in ["weight", "bias"]:
        ours[f"ln_pre.{kind}"] = theirs[f"vision_model.pre_layrnorm.{kind}"]
        ours[f"ln_post.{kind}"] = theirs[f"vision_model.post_layernorm.{kind}"]
        for i in range(model.config.num_hidden_layers):
            here, there = f"transformer.resblocks.{i}", f"vision_model.encoder.layers.{i}"
            parts = [theirs[f"{there}.self_attn.{p}_proj.{kind}"] for p in "qkv"]
            ours[f"{here}.attn.in_proj_{kind}"] = torch.cat(parts)
            for a, b in [
                ("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
            ]:
                ours[f"{here}.{a}.{kind}"] = theirs[f"{there}.{b}.{kind}"]
    return ours


def text_tower():
    """Names of CLIP's other half."""
    return {
        "positional_embedding": exact(6, 8), "text_projection": exact(8, EMBEDDING),
        "logit_scale": exact(1)[0], "token_embedding.weight": exact(9, 8),
        "transformer.resblocks.0.ln_1.weight": exact(8), "ln_final.weight": exact(8),
        "ln_final.bias": exact(8), "transformer.resblocks.0.attn.in_proj_weight": exact(24, 8),
    }


class Archived(torch.nn.Module):
    """Modules nested by the dots of a state dict's names."""

    def __init__(self, tensors):
        super().__init__()
        children = {}
        for name, value in tensors.items():
            head, dot, rest = name.partition(".")
            if dot:
                children.setdefault(head, {})[rest] = value
            else:
                self.register_parameter(head, torch.nn.Parameter(value.clone(), False))
        for head, inner in children.items():
            self.add_module(head, Archived(inner))

    def forward(self, x):
        for parameter in self.parameters(recurse=False):
            x = x + parameter.float().sum()
        for child in self.children():
            x = child(x)
        return x


def embed(model, pixels, neck=None):
    """Positions resized to the picture's grid, then features, neck, L2; and the last norm's tokens."""
    patch, width = model.config.patch_size, model.config.hidden_size
    side = model.config.image_size // patch
    grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)
    table = model.vision_model.embeddings.position_embedding.weight
    square = table[1:].T.reshape(1, width, side, side)
    resized = F.interpolate(square, size=grid, mode="bilinear", align_corners=False)
    table = torch.cat([table[:1], resized.reshape(width, -1).T])
    vision = model.vision_model
    x = vision.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
    x = torch.cat([vision.embeddings.class_embedding.expand(len(pixels), 1, -1), x], 1) + table
    tokens = vision.post_layernorm(vision.encoder(vision.pre_layrnorm(x)).last_hidden_state)
    z = model.visual_projection(tokens[:, 0])
    neck = neck or torch.nn.BatchNorm1d(z.shape[1]).eval()
    return F.normalize(neck(z)), tokens


def timm_check(state, pixels, expected):
    """timm reads OpenAI's state dict and computes the same."""
    model = VisionTransformer(
        img_size=(32, 16), patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
        num_classes=EMBEDDING, pre_norm=True, act_layer="quick_gelu", norm_layer=torch.nn.LayerNorm,
    ).eval()
    converted = checkpoint_filter_fn(
        {f"visual.{k}": v.clone() for k, v in state.items()}, model, interpolation="bilinear",
        antialias=False,
    )
    model.load_state_dict(converted)
    assert torch.allclose(F.normalize(model(pixels) / (1 + 1e-5) ** 0.5), expected, atol=1e-4)
    kept = VisionTransformer(
        img_size=3 * PATCH, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
        num_classes=EMBEDDING, pre_norm=True, norm_layer=torch.nn.LayerNorm,
    )
    return checkpoint_filter_fn({f"visual.{k}": v.clone() for k, v in state.items()}, kept)


def unet():
    model = UNet2DConditionModel(
        sample_size=4, in_channels=4, out_channels=4, block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1, cross_attention_dim=CONTEXT, attention_head_dim=2, norm_num_groups=4,
    )
    return randomize(model)


def vae():
    model = AutoencoderKL(
        in_channels=3, out_channels=3, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4, norm_num_groups=4,
    )
    return randomize(model)


RESNET = [
    ("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection"),
]


def ldm_unet(state, blocks=1):
    """diffusers' U-Net in the names of the first release."""
    out = {}
    for name, value in state.items():
        parts = name.split(".")
        if parts[0] in ("down_blocks", "up_blocks"):
            level, kind, index = int(parts[1]), parts[2], int(parts[3])
            number = level * (blocks + 1) + index + (parts[0] == "down_blocks")
            stem = "input_blocks" if parts[0] == "down_blocks" else "output_blocks"
            rest = ".".join(parts[4:])
            if kind == "resnets":
                stem = f"{stem}.{number}.0"
            elif kind == "attentions":
                stem = f"{stem}.{number}.1"
            elif kind == "downsamplers":
                stem = f"{stem}.{(level + 1) * (blocks + 1)}.0"
                rest = rest.replace("conv", "op", 1)
            else:
                with_attention = any(k.startswith(f"up_blocks.{level}.attentions") for k in state)
                number = level * (blocks + 1) + blocks
                stem = f"{stem}.{number}.{2 if with_attention else 1}"
        elif parts[0] == "mid_block":
            position = 1 if parts[1] == "attentions" else 2 * int(parts[2])
            stem, rest, kind = f"middle_block.{position}", ".".join(parts[3:]), parts[1]
        else:
            stem, kind, rest = "", "", name
            for a, b in [
                ("time_embedding.linear_1", "time_embed.0"), ("conv_in", "input_blocks.0.0"),
                ("time_embedding.linear_2", "time_embed.2"), ("conv_norm_out", "out.0"),
                ("conv_out", "out.2"),
            ]:
                rest = rest.replace(a, b)
        if kind == "resnets":
            for a, b in RESNET:
                rest = rest.replace(a, b)
        out[f"{stem}.{rest}".lstrip(".")] = value
    return out


def ldm_vae(state):
    """The encoder and quant_conv of diffusers' VAE in the names of the first release."""
    out = {}
    for name, value in state.items():
        for a, b in [
            ("encoder.down_blocks.", "encoder.down."), (".resnets.", ".block."),
            ("conv_shortcut", "nin_shortcut"), (".downsamplers.0.", ".downsample."),
            ("mid_block.block.0", "mid.block_1"), ("mid_block.block.1", "mid.block_2"),
            ("conv_norm_out", "norm_out"), ("mid_block.attentions.0.", "mid.attn_1."),
            ("attn_1.group_norm", "attn_1.norm"), ("attn_1.to_q", "attn_1.q"),
            ("attn_1.to_k", "attn_1.k"), ("attn_1.to_v", "attn_1.v"),
            ("attn_1.to_out.0", "attn_1.proj_out"),
        ]:
            name = name.replace(a, b)
        if "attn_1." in name and name.endswith("weight") and ".norm." not in name:
            value = value[:, :, None, None]
        out[name] = value
    return out


def stable_diffusion():
    u, v = unet(), vae()
    (HERE / "sd-diffusers").mkdir(exist_ok=True)
    states = {"unet": u.state_dict(), "vae": v.state_dict()}
    kept = {k: t for k, t in states["vae"].items() if k.startswith(("encoder.", "quant_conv."))}
    for part, state in states.items():
        folder = HERE / "sd-diffusers" / part
        folder.mkdir(exist_ok=True)
        # The names of the attention that diffusers had when the model was published.
        old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        stored = {}
        for name, value in state.items():
            if part == "vae" and "attentions" in name:
                for new, before in old.items():
                    name = name.replace(f".{new}.", f".{before}.")
            if part == "unet" or name.startswith(("encoder", "quant", "post_quant", "decoder.conv_in")):
                stored[name] = value.half().contiguous()
        save_file(stored, folder / "diffusion_pytorch_model.fp16.safetensors")
    ldm = ldm_unet(states["unet"])
    vae_names = ldm_vae(kept)
    config = {
        "layers_per_block": 1, "class_embed_type": None, "addition_embed_type": None,
        **{k: u.config[k] for k in ["down_block_types", "up_block_types"]},
    }
    prefixed = {f"model.diffusion_model.{k}": t for k, t in ldm.items()}
    back = single_file_utils.convert_ldm_unet_checkpoint(dict(prefixed), config)
    assert back.keys() == states["unet"].keys(), set(back) ^ set(states["unet"])
    assert all(torch.equal(back[k], states["unet"][k]) for k in back)
    prefixed |= {f"first_stage_model.{k}": t for k, t in vae_names.items()}
    back = single_file_utils.convert_ldm_vae_checkpoint(dict(prefixed), v.config)
    for k, t in kept.items():
        assert torch.equal(back[k].reshape(t.shape), t), k

    whole = {k: t.half() for k, t in prefixed.items()}
    whole["first_stage_model.decoder.conv_in.weight"] = exact(2, 2).half()
    whole["first_stage_model.post_quant_conv.weight"] = exact(2, 2).half()
    whole["cond_stage_model.transformer.text_model.final_layer_norm.weight"] = exact(4).half()
    whole["model_ema.decay"] = torch.tensor(0.5)
    whole["betas"] = exact(7)
    save_file(whole, HERE / "sd.safetensors")
    # A class of a training program that is not installed where the file is read.
    module = types.ModuleType("pytorch_lightning_callbacks")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    sys.modules[module.__name__] = module
    callbacks = {module.ModelCheckpoint: {"best": exact(1), "monitor": "loss", "big": 10**30}}
    state = {"state_dict": whole, "global_step": 3, "callbacks": callbacks, "lr": [0.5]}
    torch.save(state, HERE / "sd.ckpt")
    ours = {f"unet.{k}": t for k, t in states["unet"].items()}
    ours |= {f"vae.{k}": t for k, t in kept.items()}
    save_file({k: t.half().contiguous() for k, t in ours.items()}, HERE / "sd-expected.safetensors")


def dcac(model, pixels):
    neck = torch.nn.BatchNorm1d(EMBEDDING)
    with torch.no_grad():
        neck.weight.copy_((1 + exact(EMBEDDING, std=0.25)).bfloat16().float())
        neck.running_mean.copy_(exact(EMBEDDING))
        neck.running_var.copy_((exact(EMBEDDING).abs() + 0.5).bfloat16().float())
    neck.eval()
    state = {f"encoder.image_encoder.{k}": v for k, v in openai_names(model).items()}
    state |= {f"encoder.bnneck.{k}": v for k, v in neck.state_dict().items()}
    state["encoder.fc.weight"] = exact(IDENTITIES, EMBEDDING)
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()},
               HERE / "dcac-encoder.pth")
    u = unet().state_dict()
    adapted = dict(u)
    for name, value in u.items():
        stem, _, kind = name.rpartition(".")
        projection = stem.endswith(("to_q", "to_k", "to_v"))
        if kind == "weight" and (projection or stem.endswith(("to_out.0", "ff.net.0.proj"))):
            adapted[f"{stem}.lora_A"] = exact(RANK, value.shape[1])
            adapted[f"{stem}.lora_B"] = exact(value.shape[0], RANK)
            if projection:
                adapted[f"{stem}.bias"] = exact(value.shape[0])
    expected = {
        "classifier.fc.weight": state["encoder.fc.weight"],
        "guidance.condition.prompts": exact(IDENTITIES, CONTEXT),
    }
    for k, v in adapted.items():
        for a, b in [
            (".to_out.0.", ".to_out."), (".ff.net.0.proj.", ".ff.proj."), ("lora_A", "lora_a"),
            (".ff.net.2.", ".ff.out."), (".downsamplers.0.conv.", ".downsampler."),
            (".upsamplers.0.conv.", ".upsampler."), ("lora_B", "lora_b"),
        ]:
            k = k.replace(a, b)
        expected[f"guidance.unet.{k}"] = v
    state |= {f"denoiser.model.{k}": v for k, v in ldm_unet(adapted).items()}
    state["denoiser.model.prompt_emb.prompt_emb"] = expected["guidance.condition.prompts"]
    state["denoiser.autoencoder.quant_conv.weight"] = exact(2, 2)
    state["denoiser.sqrt_alphas_cumprod"] = exact(7)
    torch.save({k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()},
               HERE / "dcac.pth")
    save_file({k: t.half().contiguous() for k, t in expected.items()},
              HERE / "dcac-expected.safetensors")
    return embed(model, pixels, neck)[0]


@torch.no_grad()
def main():
    torch.manual_seed(7)
    HERE.mkdir(exist_ok=True)
    crop = np.random.default_rng(7).integers(0, 256, (32, 16, 3), dtype=np.uint8)
    Image.fromarray(crop).save(HERE / "crop.png")
    pixels = torch.from_numpy(crop).float().permute(2, 0, 1)[None] / 127.5 - 1
    model = clip()
    expected, _ = embed(model, pixels)
    state = openai_names(model)
    whole = {f"visual.{k}": v for k, v in state.items()} | text_tower()

    archive = torch.jit.trace(Archived({k: v.half() for k, v in whole.items()}), torch.zeros(1))
    torch.jit.save(archive, HERE / "clip-openai.pt")
    # Kept as views with axes swapped, and one storage for two tensors.
    views = {k: v.T.contiguous().T if v.ndim == 2 else v for k, v in whole.items()}
    both = torch.cat([views["visual.ln_pre.weight"], views["visual.ln_pre.bias"]])
    views["visual.ln_pre.weight"], views["visual.ln_pre.bias"] = both[:WIDTH], both[WIDTH:]
    torch.save(views, HERE / "clip-state-dict.pt")
    folder = HERE / "clip-transformers"
    folder.mkdir(exist_ok=True)
    stored = {k: v.bfloat16().contiguous() for k, v in model.state_dict().items()}
    stored["vision_model.embeddings.position_ids"] = torch.arange(10)[None]
    stored["text_model.final_layer_norm.weight"] = exact(8).bfloat16()
    save_file(stored, folder / "model.safetensors")
    converted = timm_check(state, pixels, expected)
    converted["head.bias"] = torch.zeros(EMBEDDING)
    save_file({k: v.contiguous() for k, v in converted.items()}, HERE / "clip-timm.safetensors")
    stable_diffusion()
    save_file({"embedding": expected, "dcac_embedding": dcac(model, pixels)},
              HERE / "embeddings.safetensors")


if __name__ == "__main__":
    main()
