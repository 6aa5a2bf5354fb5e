"""One DCAC training step, or the encoder alone, in PyTorch.

    python pytorch_step.py step   [--preset full|tiny] [--device cuda] [--precision bf16] [--compile] [--vae]
    python pytorch_step.py encode [--preset full|tiny] [--batch 256] ...

The work is that of `trainer bench step` and `trainer bench encode`: CLIP's vision tower (transformers),
neck, classifier and prototypes, prompts weighted by the classifier's probabilities, Stable Diffusion's
U-Net (diffusers) with LoRA on its attention (peft), Adam. Weights and pictures are random. It is
written as those libraries recommend for speed: autocast, scaled_dot_product_attention (their
default), channels last, fused Adam, TF32 products. --vae encodes the pictures in every step, as the
paper's code does; without it the moments are taken as kept. Prints one line of JSON: seconds, as
median, least and most.
"""

import argparse
import contextlib
import json
import time

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from peft import LoraConfig
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

PRESETS = {
    "full": {
        "size": (256, 128), "image": 128, "context": 768, "identities": 16, "images": 4,
        "vision": dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                       num_attention_heads=12, image_size=224, patch_size=16, projection_dim=512),
        "unet": dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        "vae": dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2,
                    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4),
        "latent": 16,
    },
    "tiny": {
        "size": (96, 48), "image": 32, "context": 64, "identities": 8, "images": 4,
        "vision": dict(hidden_size=96, intermediate_size=384, num_hidden_layers=3,
                       num_attention_heads=3, image_size=72, patch_size=12, projection_dim=128),
        "unet": dict(sample_size=8, cross_attention_dim=64, attention_head_dim=4, norm_num_groups=4,
                     block_out_channels=(16, 32), layers_per_block=1,
                     down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")),
        "vae": dict(block_out_channels=(8, 16, 32), layers_per_block=1, norm_num_groups=4,
                    down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3),
        "latent": 8,
    },
}


class Reid(torch.nn.Module):
    def __init__(self, preset, identities):
        super().__init__()
        width = preset["vision"]["projection_dim"]
        config = CLIPVisionConfig(hidden_act="quick_gelu", **preset["vision"])
        self.vision = CLIPVisionModelWithProjection(config)
        self.neck = torch.nn.BatchNorm1d(width)
        self.classifier = torch.nn.Linear(width, identities, bias=False)
        self.prompts = torch.nn.Parameter(torch.randn(identities, preset["context"]))

    def embed(self, pictures):
        return self.vision(pictures, interpolate_pos_encoding=True).image_embeds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["step", "encode"])
    parser.add_argument("--preset", choices=PRESETS, default="full")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", choices=["f32", "bf16", "f16"], default="bf16")
    parser.add_argument("--identities", type=int, default=751)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--vae", action="store_true")
    args = parser.parse_args()
    preset = PRESETS[args.preset]
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[args.precision]
    device = torch.device(args.device)

    def autocast():
        if dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype)

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize()

    work = step if args.part == "step" else encode
    once = work(args, preset, device, dtype, autocast)
    started = time.perf_counter()
    once()
    wait()
    first = time.perf_counter() - started
    for _ in range(args.warmup):
        once()
    wait()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(args.steps):
        started = time.perf_counter()
        once()
        wait()
        times.append(time.perf_counter() - started)
    times.sort()
    figures = {args.part: [times[len(times) // 2], times[0], times[-1]], "first": first}
    if device.type == "cuda":
        # What the allocator has taken, as the other side reports it.
        figures["peak_memory_bytes"] = torch.cuda.max_memory_reserved()
    print(json.dumps(figures))


def encode(args, preset, device, dtype, autocast):
    model = Reid(preset, args.identities).to(device, memory_format=torch.channels_last).eval()
    model.vision.to(dtype)
    pictures = torch.rand(args.batch, 3, *preset["size"], device=device, dtype=dtype)
    embed = torch.compile(model.embed) if args.compile else model.embed

    @torch.inference_mode()
    def once():
        return F.normalize(model.neck(embed(pictures).float()))

    return once


def step(args, preset, device, dtype, autocast):
    count = preset["identities"] * preset["images"]
    model = Reid(preset, args.identities).to(device, memory_format=torch.channels_last)
    unet = UNet2DConditionModel(**preset["unet"]).requires_grad_(False)
    unet.to(device, dtype=dtype, memory_format=torch.channels_last)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=8, lora_alpha=8, target_modules=targets, init_lora_weights="gaussian"))
    adapters = [p for p in unet.parameters() if p.requires_grad]
    for adapter in adapters:
        adapter.data = adapter.data.float()
    vae = AutoencoderKL(latent_channels=4, **preset["vae"]).requires_grad_(False)
    vae = vae.to(device, dtype=dtype, memory_format=torch.channels_last).eval()
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    trained = [p for name, p in model.named_parameters() if "patch_embedding" not in name] + adapters
    adam = torch.optim.Adam(trained, lr=1e-6, weight_decay=1e-4, fused=device.type == "cuda")
    pictures = torch.rand(count, 3, *preset["size"], device=device)
    squares = torch.rand(count, 3, preset["image"], preset["image"], device=device, dtype=dtype)
    mean = torch.randn(count, 4, preset["latent"], preset["latent"], device=device)
    labels = torch.arange(count, device=device) // preset["images"]
    labels = labels * args.identities // preset["identities"]
    memory = F.normalize(torch.randn(args.identities, preset["vision"]["projection_dim"], device=device))

    def forward(pictures, clean, noise, timesteps):
        features = model.neck(model.embed(pictures).float())
        logits = model.classifier(features)
        features = F.normalize(features)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.1)
        loss = loss + F.cross_entropy(features @ memory.T / 0.01, labels)
        context = (torch.softmax(logits.float() / 0.6, 1) @ model.prompts).unsqueeze(1)
        noised = schedule.add_noise(clean, noise, timesteps).to(dtype)
        predicted = unet(noised, timesteps, context.to(dtype)).sample
        return loss + F.mse_loss(predicted.float(), noise), features

    if args.compile:
        forward = torch.compile(forward)
    schedule.alphas_cumprod = schedule.alphas_cumprod.to(device)

    def once():
        if args.vae:
            with torch.no_grad(), autocast():
                clean = vae.encode(squares).latent_dist.sample().float() * 0.18215
        else:
            clean = (mean + 0.1 * torch.randn_like(mean)) * 0.18215
        noise = torch.randn_like(clean)
        timesteps = torch.randint(0, 1000, (count,), device=device)
        adam.zero_grad(set_to_none=True)
        with autocast():
            loss, features = forward(pictures, clean, noise, timesteps)
        loss.backward()
        adam.step()
        with torch.no_grad():
            for row, label in enumerate(labels.tolist()):
                memory[label] = F.normalize(0.2 * memory[label] + 0.8 * features[row].float(), dim=0)

    return once


if __name__ == "__main__":
    main()
