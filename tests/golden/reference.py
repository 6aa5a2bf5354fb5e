"""What the generators share: random values, storage, CLIP's tower, noise schedule and memory."""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

HERE = pathlib.Path(__file__).parent


def normal(*shape, std=1.0):
    """Random f64 values that are exact in f32."""
    return (torch.randn(*shape) * std).double()


@torch.no_grad()
def randomize(model):
    """Every parameter by its role: norms around the identity, the rest scaled by fan-in."""
    for name, parameter in model.named_parameters():
        shape = parameter.shape
        if name.endswith("bias"):
            value = normal(*shape, std=0.3)
        elif len(shape) == 1:
            value = 1 + normal(*shape, std=0.3).float()
        else:
            fan_in = shape[1:].numel()
            sharp = 1.5 if any(key in name for key in ["to_q", "to_k", "q_proj", "k_proj"]) else 1
            value = normal(*shape, std=sharp * fan_in**-0.5)
        parameter.copy_(value)
    return model.double().eval()


def save(name, tensors, keep_f64=()):
    stored = {}
    for key, value in tensors.items():
        value = torch.as_tensor(value).detach()
        if value.is_floating_point() and key not in keep_f64:
            value = value.float()
        assert not value.is_floating_point() or value.isfinite().all(), key
        stored[key] = value.contiguous().clone()
    save_file(stored, HERE / f"{name}.safetensors")


def clip_tower(dim, depth, heads, mlp, patch, image, embedding):
    # The "eager" attention would take its softmax in f32.
    config = CLIPVisionConfig(
        hidden_size=dim, num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=mlp,
        patch_size=patch, image_size=image, projection_dim=embedding, hidden_act="quick_gelu",
        layer_norm_eps=1e-5, attn_implementation="sdpa",
    )
    return randomize(CLIPVisionModelWithProjection(config))


def clip_forward(model, positions, pixels):
    """Tokens after the last norm and the embedding, with positions [1, tokens, dim] of any grid."""
    tower, embeddings = model.vision_model, model.vision_model.embeddings
    patches = embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
    class_token = embeddings.class_embedding.expand(len(pixels), 1, -1)
    hidden = tower.pre_layrnorm(torch.cat([class_token, patches], dim=1) + positions)
    hidden = tower.encoder(inputs_embeds=hidden).last_hidden_state
    tokens = tower.post_layernorm(hidden)
    return tokens, model.visual_projection(tokens[:, 0])


def timm_names(model, positions):
    """Every parameter by timm's name; a fused one as the parts that it is the concatenation of."""
    tower, embeddings = model.vision_model, model.vision_model.embeddings
    parts = {
        "cls_token": [embeddings.class_embedding], "pos_embed": [positions],
        "patch_embed.proj.weight": [embeddings.patch_embedding.weight],
        "head.weight": [model.visual_projection.weight],
    }

    def layer(name, *modules):
        parts[f"{name}.weight"] = [module.weight for module in modules]
        parts[f"{name}.bias"] = [module.bias for module in modules]

    layer("norm_pre", tower.pre_layrnorm)
    layer("norm", tower.post_layernorm)
    for number, block in enumerate(tower.encoder.layers):
        attention, name = block.self_attn, f"blocks.{number}"
        layer(f"{name}.attn.qkv", attention.q_proj, attention.k_proj, attention.v_proj)
        layer(f"{name}.attn.proj", attention.out_proj)
        layer(f"{name}.norm1", block.layer_norm1)
        layer(f"{name}.norm2", block.layer_norm2)
        layer(f"{name}.mlp.fc1", block.mlp.fc1)
        layer(f"{name}.mlp.fc2", block.mlp.fc2)
    return parts


def join(name, parts):
    """One tensor of this project's shape."""
    value = torch.cat([part.detach() for part in parts])
    return value.reshape(1, 1, -1) if name.endswith("cls_token") else value


class TimeProjection(torch.nn.Module):
    """A U-Net's sinusoids of the timestep. diffusers rounds their angles to f32; these are f64."""

    def __init__(self, rounded):
        super().__init__()
        self.rounded, half = rounded, rounded.num_channels // 2
        self.frequencies = 10_000 ** (-torch.arange(half, dtype=torch.float64) / half)

    def forward(self, timesteps):
        angles = timesteps[:, None] * self.frequencies
        exact = torch.cat([angles.cos(), angles.sin()], dim=1)
        torch.testing.assert_close(self.rounded(timesteps).double(), exact, rtol=0, atol=1e-4)
        return exact


def noise_schedule():
    """Stable Diffusion's. diffusers computes its table in f32; here it is f64, as in the original."""
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", beta_start=8.5e-4, beta_end=0.012)
    betas = np.linspace(8.5e-4**0.5, 0.012**0.5, 1000, dtype=np.float64) ** 2
    exact = torch.from_numpy(np.cumprod(1 - betas))
    torch.testing.assert_close(scheduler.alphas_cumprod.double(), exact, rtol=1e-4, atol=0)
    scheduler.alphas_cumprod = exact
    return scheduler


def blend(memory, identity, feature, gamma):
    memory[identity] = F.normalize(gamma * memory[identity] + (1 - gamma) * feature, dim=0)


def update_hard(memory, features, labels, gamma):
    """The sample least similar to its own prototype moves it."""
    for identity in labels.unique():
        own = features[labels == identity]
        similarity = own @ memory[identity]
        lowest = similarity.sort().values[:2]
        assert lowest.diff().numel() == 0 or lowest.diff() > 1e-3, "rounding may choose another"
        blend(memory, identity, own[similarity.argmin()], gamma)


def update_all(memory, features, labels, gamma):
    """Every sample moves its prototype, in turn."""
    for feature, identity in zip(features, labels):
        blend(memory, identity, feature, gamma)
