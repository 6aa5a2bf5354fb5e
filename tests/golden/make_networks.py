"""Writes vit, unet, vae, lora, schedule, losses, autoencoder, stem and
bands.safetensors: what the reference
libraries compute for small networks with random weights.

Outputs are computed in f64 from weights and inputs that are exact in f32, and stored as f32
(noise schedule: f64). Normalisations get random scales and shifts, and queries and keys are large
enough that attention is far from uniform, so that no part can be left out unnoticed. Each
function below lists the tensors of its file.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig, get_peft_model

from reference import (
    TimeProjection, clip_forward, clip_tower, join, noise_schedule, normal, randomize, save,
    timm_names, update_all, update_hard,
)


def named(model, *stems):
    """The parameters of the parts named by `stems` (all without), under `w.`."""
    weights = model.state_dict().items()
    return {f"w.{k}": v for k, v in weights if not stems or k.startswith(stems)}


def vit():
    """CLIP's vision tower: width 48, 3 layers, 4 heads, MLP 192, patch 8, projection 20.

    timm's names hold the weights; pos_embed [1, 17, 48] is that of a 4 x 4 grid (image_size 32).
    input [2, 3, 48, 24], pos_embed_resized [1, 19, 48] for its 6 x 3 grid,
    tokens [2, 19, 48] after the last norm, embedding [2, 20] of the class token.
    """
    model = clip_tower(dim=48, depth=3, heads=4, mlp=192, patch=8, image=32, embedding=20)
    embeddings = model.vision_model.embeddings
    with torch.no_grad():
        embeddings.class_embedding.copy_(normal(48))
        embeddings.position_embedding.weight.copy_(normal(17, 48))
    position = embeddings.position_embedding.weight[None]
    grid = position[:, 1:].reshape(1, 4, 4, 48).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(6, 3), mode="bilinear", align_corners=False, antialias=False)
    resized = torch.cat([position[:, :1], grid.permute(0, 2, 3, 1).reshape(1, 18, 48)], dim=1)

    pixels = normal(2, 3, 48, 24)
    with torch.no_grad():
        tokens, embedding = clip_forward(model, resized, pixels)
    names = timm_names(model, position).items()
    tensors = {name: join(name, parts) for name, parts in names}
    tensors |= {"input": pixels, "pos_embed_resized": resized}
    save("vit", {**tensors, "tokens": tokens, "embedding": embedding})


class Residual(torch.nn.Module):
    """Two convolutions added to what they take; a norm of each channel by itself; ReLU."""

    def __init__(self, channels, groups):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = torch.nn.GroupNorm(groups, channels)
        self.conv2 = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = torch.nn.GroupNorm(groups, channels)
        self.norm = torch.nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(self.norm(x + h))


def stem_layers(channels, groups, residual):
    """Convolutions of 8, 16, 24 channels; residuals after all but the first, where there are any."""
    layers = []
    for i, (before, after, count) in enumerate(zip((3, *channels), channels, groups)):
        layers.append(torch.nn.Sequential(OrderedDict(
            conv=torch.nn.Conv2d(before, after, 3, 2, 1, bias=False),
            bn=torch.nn.GroupNorm(count, after), act=torch.nn.ReLU())))
        if residual and i > 0:
            layers[i].residual = Residual(after, count)
    layers = torch.nn.Sequential(*layers)
    for name, parameter in layers.named_parameters():
        norm = parameter.dim() == 1
        value = normal(*parameter.shape, std=0.3 if norm else parameter[0].numel() ** -0.5)
        parameter.data = (value + 1).float() if norm and name.endswith("weight") else value.float()
    return layers.double()


def stem_tower(residual, depth, embedding):
    """CLIP's tower behind convolutions: its model, positions, and tensors by timm's names."""
    layers = stem_layers((8, 16, 24), (8, 16, 8), residual)
    model = clip_tower(dim=32, depth=depth, heads=4, mlp=64, patch=2, image=8, embedding=embedding)
    embeddings = model.vision_model.embeddings
    embeddings.patch_embedding = torch.nn.Conv2d(24, 32, 2, 2, bias=False).double()
    with torch.no_grad():
        embeddings.patch_embedding.weight.copy_(normal(32, 24, 2, 2, std=96**-0.5).float())
        embeddings.class_embedding.copy_(normal(32))
    positions = normal(1, 9, 32)
    pixels = normal(2, 3, 64, 32)
    with torch.no_grad():
        tokens, embedding = clip_forward(model, positions, layers(pixels))
    tensors = {name: join(name, parts) for name, parts in timm_names(model, positions).items()}
    for name, parameter in layers.named_parameters():
        tensors[f"patch_embed.backbone.{name}"] = parameter
    return {**tensors, "input": pixels, "tokens": tokens, "embedding": embedding}


def stem():
    """Convolutions, group norms and ReLU before CLIP's tower, by timm's names: 8, 16, 24 channels.

    The first two norms are of each channel by itself, the third of 8 groups. Width 32, 2 layers, 4
    heads, MLP 64, patch 16 of stride 2 after the convolutions, projection 12; input [2, 3, 64, 32],
    tokens [2, 9, 32] after the last norm, embedding [2, 12] of the class token.
    """
    save("stem", stem_tower(residual=False, depth=2, embedding=12))


def bands():
    """The same with residuals after the second and the third convolution and 1 layer.

    The class token and the means of 2 bands, each the upper and the lower two rows of the 4 x 2
    patches, are projected together: embedding [2, 10].
    """
    tensors = stem_tower(residual=True, depth=1, embedding=10)
    tokens = tensors["tokens"]
    patches = tokens[:, 1:].reshape(2, 4, 2, 32).permute(0, 3, 1, 2)
    means = F.adaptive_avg_pool2d(patches, (2, 1)).squeeze(3).transpose(1, 2).flatten(1)
    tensors["head.weight"] = normal(10, 3 * 32, std=96**-0.5).float()
    pooled = torch.cat([tokens[:, 0], means], dim=1)
    tensors["embedding"] = pooled @ tensors["head.weight"].double().T
    save("bands", tensors)


def unet():
    """Stable Diffusion 1.5's U-Net at channels 8, 16, 16, 4 heads, context 24, 4 groups.

    w.* in diffusers' names; latent [4, 4, 12, 8], timestep [4] i64; context_N [4, N, 24] and the
    predicted noise output_N [4, 4, 12, 8] for N = 1, 5, 77 tokens.
    """
    model = UNet2DConditionModel(
        block_out_channels=(8, 16, 16), layers_per_block=2, attention_head_dim=4,
        cross_attention_dim=24, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )
    model = randomize(model)
    model.time_proj = TimeProjection(model.time_proj)
    latent, timestep = normal(4, 4, 12, 8), torch.tensor([0, 3, 500, 999])
    tensors = {"latent": latent, "timestep": timestep, **named(model)}
    for length in (1, 5, 77):
        context = normal(4, length, 24)
        with torch.no_grad():
            output = model(latent, timestep, context).sample
        tensors[f"context_{length}"], tensors[f"output_{length}"] = context, output
    save("unet", tensors)


def vae():
    """Stable Diffusion's VAE encoder at channels 16, 16, 32, 8 groups, 4 latent channels.

    w.encoder.*, w.quant_conv.* in diffusers' names; input [2, 3, 24, 16]; mean, logvar (clamped to
    -30..20), noise and latent = 0.18215 (mean + exp(logvar / 2) noise), all [2, 4, 6, 4].
    """
    model = AutoencoderKL(
        block_out_channels=(16, 16, 32), layers_per_block=2, norm_num_groups=8, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
    )
    model = randomize(model)
    pixels, noise = normal(2, 3, 24, 16), normal(2, 4, 6, 4)
    with torch.no_grad():
        posterior = model.encode(pixels).latent_dist
    latent = (posterior.mean + posterior.std * noise) * 0.18215
    save("vae", {
        "input": pixels, "mean": posterior.mean, "logvar": posterior.logvar, "noise": noise,
        "latent": latent, **named(model, "encoder.", "quant_conv."),
    })


def lora():
    """peft's LoRA on Linear(10, 6), r 4, alpha 1; `bias.*` has a bias, `plain.*` has none.

    weight [6, 10], bias [6], a [4, 10], b [6, 4], input [3, 5, 10], output [3, 5, 6];
    merged_weight [6, 10] and merged_output, of the layer with the product added in.
    """
    tensors = {}
    for name, has_bias in [("plain", False), ("bias", True)]:
        base = torch.nn.Sequential()
        base.add_module("layer", torch.nn.Linear(10, 6, bias=has_bias))
        config = LoraConfig(r=4, lora_alpha=1, target_modules=["layer"], lora_dropout=0.0)
        model = get_peft_model(base, config)
        model = randomize(model)
        layer = model.base_model.model.layer
        x = normal(3, 5, 10)
        tensors[f"{name}.weight"] = layer.base_layer.weight.clone()
        if has_bias:
            tensors[f"{name}.bias"] = layer.base_layer.bias.clone()
        tensors[f"{name}.a"] = layer.lora_A["default"].weight.clone()
        tensors[f"{name}.b"] = layer.lora_B["default"].weight.clone()
        tensors[f"{name}.input"], tensors[f"{name}.output"] = x, model(x)
        merged = model.merge_and_unload().layer
        tensors[f"{name}.merged_weight"], tensors[f"{name}.merged_output"] = merged.weight, merged(x)
    save("lora", tensors)


def schedule():
    """alphas_cumprod [1000] f64; x0, noise, noised [5, 4, 3, 2], timestep [5] i64; denoising loss [1]
    of predicted [5, 4, 3, 2] against noise.
    """
    scheduler = noise_schedule()
    x0, noise, timestep = normal(5, 4, 3, 2), normal(5, 4, 3, 2), torch.tensor([0, 1, 250, 801, 999])
    predicted = normal(5, 4, 3, 2)
    save("schedule", {
        "alphas_cumprod": scheduler.alphas_cumprod, "x0": x0, "noise": noise, "timestep": timestep,
        "noised": scheduler.add_noise(x0, noise, timestep),
        "predicted": predicted, "loss": F.mse_loss(predicted, noise).reshape(1),
    }, keep_f64=["alphas_cumprod"])


def losses():
    """smoothing.*: logits [6, 9], targets [6] i64, loss [1] (eps 0.1).
    prototype.*: z [12, 16] L2-normalised, targets [12] i64, memory [7, 16], loss [1] (tau 0.01);
    memory.*: features [20, 16], labels [20] i64 and the centroids start [7, 16] of theirs; z [3, 12,
    16], targets [3, 12] i64 of three steps; hard, all [3, 7, 16] after each (gamma 0.2).
    neck.*: weight [6], bias [6] (0); input_N [5, 6], output_N, running_mean_N, running_var_N for
    N = 0, 1, 2 in training; input_eval, output_eval [5, 6] (eps 1e-5, momentum 0.1).
    adam.*: param_0 [10]; grad_N and param_N [10] for N = 1 to 5 (lr 1e-3, weight decay 1e-4).
    """
    tensors = {}
    logits, targets = normal(6, 9, std=3.0), torch.randint(0, 9, (6,))
    loss = F.cross_entropy(logits, targets, label_smoothing=0.1)
    tensors |= {"smoothing.logits": logits, "smoothing.targets": targets}
    tensors["smoothing.loss"] = loss.reshape(1)

    memory = F.normalize(normal(7, 16)).float().double()
    targets = torch.tensor([0, 3, 0, 3, 5, 0, 5, 6, 3, 6, 2, 6])
    z = F.normalize(memory[targets] + normal(12, 16, std=0.3)).float().double()
    loss = F.cross_entropy(z @ memory.T / 0.01, targets)
    tensors |= {"prototype.z": z, "prototype.targets": targets, "prototype.memory": memory}
    tensors["prototype.loss"] = loss.reshape(1)

    labels = torch.cat([torch.arange(7), torch.randint(0, 7, (13,))])
    features = F.normalize(memory[labels] + normal(20, 16, std=0.2)).float().double()
    sums = torch.stack([features[labels == identity].mean(0) for identity in range(7)])
    # As the trainer would start: rows that are exact in f32.
    start = F.normalize(sums).float().double()
    targets = torch.stack([torch.randint(0, 7, (12,)) for _ in range(3)])
    z = F.normalize(memory[targets] + normal(3, 12, 16, std=0.3), dim=2).float().double()
    tensors |= {"memory.features": features, "memory.labels": labels, "memory.start": start}
    tensors |= {"memory.z": z, "memory.targets": targets}
    for name, update in [("hard", update_hard), ("all", update_all)]:
        bank, banks = start.clone(), []
        for step in range(3):
            update(bank, z[step], targets[step], 0.2)
            banks.append(bank.clone())
        tensors[f"memory.{name}"] = torch.stack(banks)

    neck = torch.nn.BatchNorm1d(6).double()
    with torch.no_grad():
        neck.weight.copy_(1 + normal(6, std=0.3).float())
    tensors["neck.weight"], tensors["neck.bias"] = neck.weight, neck.bias
    for number in range(3):
        x = 2 * normal(5, 6) + number - 1
        x = x.float().double()
        tensors[f"neck.input_{number}"], tensors[f"neck.output_{number}"] = x, neck(x)
        tensors[f"neck.running_mean_{number}"] = neck.running_mean.clone()
        tensors[f"neck.running_var_{number}"] = neck.running_var.clone()
    neck.eval()
    x = normal(5, 6)
    tensors["neck.input_eval"], tensors["neck.output_eval"] = x, neck(x)

    param = torch.nn.Parameter(normal(10, std=2.0))
    adam = torch.optim.Adam([param], lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4)
    # From gradients smaller than the weight decay to large ones; one weight never gets any.
    scales = torch.tensor([0.0, 1e-9, 1e-6, 1e-4, 1e-2, 0.1, 1, 1, 10, 1e3])
    tensors["adam.param_0"] = param.detach().clone()
    for number in range(1, 6):
        param.grad = (torch.randn(10) * scales).double()
        adam.step()
        tensors[f"adam.grad_{number}"] = param.grad.clone()
        tensors[f"adam.param_{number}"] = param.detach().clone()
    save("losses", tensors)


def autoencoder():
    """Stable Diffusion's VAE, both halves, at channels 8, 16, 4 groups, 3 latent channels.

    w.* in diffusers' names; input [2, 3, 12, 8], noise [2, 3, 6, 4], decoded [2, 3, 12, 8] of
    mean + exp(logvar / 2) noise; reconstruction and divergence [1], both a mean over elements.
    """
    model = AutoencoderKL(
        block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, latent_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )
    model = randomize(model)
    pixels, noise = normal(2, 3, 12, 8), normal(2, 3, 6, 4)
    with torch.no_grad():
        posterior = model.encode(pixels).latent_dist
        decoded = model.decode(posterior.mean + posterior.std * noise).sample
    save("autoencoder", {
        "input": pixels, "noise": noise, "decoded": decoded,
        "reconstruction": F.l1_loss(decoded, pixels)[None],
        "divergence": posterior.kl().sum()[None] / noise.numel(), **named(model),
    })


for number, make in enumerate([vit, unet, vae, lora, schedule, losses, autoencoder, stem, bands]):
    torch.manual_seed(1234 + number)
    make()
