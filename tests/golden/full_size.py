"""CLIP ViT-B/16 and Stable Diffusion v1.5 of random weights, and what PyTorch computes with them.

    python full_size.py FOLDER     (8 GB of disk, 7 GB of memory)

clip.pt: OpenAI's state dict. sd.ckpt: the first release's checkpoint. expected.safetensors:
embedding [1, 512] and patches [1, 128, 768] of crop.png (256 x 128); noise_1 and noise_77 [2, 4, 16, 16] of latents,
timesteps and context_1 or context_77; mean and log_variance [1, 4, 16, 16] of images.
"""

import pathlib
import sys

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from make_imports import embed, ldm_unet, ldm_vae, openai_names
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection


def sizes(model):
    """Parameters in all, as published."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(11)
    out = {}

    clip = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        patch_size=16, image_size=224, projection_dim=512, hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
    )).eval()
    # Weights of transformers' initialisation are so small that attention is uniform.
    for parameter in clip.parameters():
        if parameter.ndim == 2:
            parameter.normal_(std=parameter.shape[1] ** -0.5)
    torch.save({f"visual.{k}": v for k, v in openai_names(clip).items()}, folder / "clip.pt")
    crop = np.random.default_rng(11).integers(0, 256, (256, 128, 3), dtype=np.uint8)
    Image.fromarray(crop).save(folder / "crop.png")
    pixels = torch.from_numpy(crop).float().permute(2, 0, 1)[None] / 127.5 - 1
    out["embedding"], tokens = embed(clip, pixels)
    out["patches"] = tokens[:, 1:]

    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()
    out["images"] = torch.rand(1, 3, 128, 128) * 2 - 1
    posterior = vae.encode(out["images"]).latent_dist
    out |= {"mean": posterior.mean, "log_variance": posterior.logvar}
    stored = {f"first_stage_model.{k}": v for k, v in ldm_vae({
        k: v for k, v in vae.state_dict().items() if k.startswith(("encoder.", "quant_conv."))
    }).items()}

    attention = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
    unet = UNet2DConditionModel(
        sample_size=16, cross_attention_dim=768, attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280), layers_per_block=2,
        down_block_types=(attention[0],) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + (attention[1],) * 3,
    ).eval()
    assert sizes(unet) == 859_520_964
    out |= {"latents": torch.randn(2, 4, 16, 16), "timesteps": torch.tensor([7, 815])}
    for tokens in [1, 77]:
        context = torch.randn(2, tokens, 768)
        out[f"context_{tokens}"] = context
        out[f"noise_{tokens}"] = unet(out["latents"], out["timesteps"], context).sample
    names = ldm_unet(unet.state_dict(), blocks=2)
    stored |= {f"model.diffusion_model.{k}": v for k, v in names.items()}
    torch.save({"state_dict": stored}, folder / "sd.ckpt")
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")


main(pathlib.Path(sys.argv[1]))
