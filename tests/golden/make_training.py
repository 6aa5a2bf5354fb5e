"""Writes training.safetensors: gradients of the whole loss and three steps of training, by torch.

transformers' CLIP tower, torch's BatchNorm1d and linear classifier, and diffusers' U-Net with
peft's LoRA (B not zero), put together as DCAC does; autograd and torch.optim.Adam do the rest, in
f64 from values that are exact in f32. Names are this project's:

w.NAME                   every parameter at the start
images [3, 9, 3, 12, 8], labels [3, 9] i64, clean, noise [3, 9, 4, 6, 4], timestep [3, 9] i64:
                         the batches of three steps
memory [7, 14]           the prototypes at the start
lora.loss [4]            total, ID, contrastive and denoising loss of the first batch
lora.grad.NAME           gradient of the total
full.loss, full.grad.*   likewise without LoRA; gradients of what only this mode trains: the U-Net
                         itself and the patch convolution
step.loss [3, 4]         the losses of three steps of the network with LoRA
step.moved.NAME          what they moved every trained parameter by
step.memory [7, 14], step.running_mean [14], step.running_var [14] afterwards

Some parameters have no influence, whatever the weights; this is asserted below:
- Attention to a single token ignores its queries and keys. autograd gives exact zeros, which are
  not stored, and which torch's weight decay turns into movement.
- The neck subtracts the batch's mean, so the bias of the norm before the projection cancels, and
  softmax ignores what a key's bias adds to a whole row. Their gradients are rounding, so weight
  decay alone should move them. They start away from zero, where its pull stands above rounding.
"""

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from peft import LoraConfig

from reference import (
    TimeProjection, clip_forward, clip_tower, join, noise_schedule, normal, randomize, save,
    timm_names, update_hard,
)

IDENTITIES, BATCH, STEPS = 7, 9, 3
# A temperature and a weight under which each loss has a fair share of the encoder's gradient.
SMOOTHING, TEMPERATURE, CONDITION_TEMPERATURE, LAMBDA, GAMMA = 0.1, 0.2, 0.6, 4.0, 0.2
RATES = [1e-2, 1e-3, 5e-4]
PATCH = "encoder.vit.patch_embed.proj.weight"
ADAPTED = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj"]


def unet_name(name):
    for theirs, ours in [
        (".base_layer.", "."), (".lora_A.default.weight", ".lora_a"),
        (".lora_B.default.weight", ".lora_b"), (".to_out.0.", ".to_out."),
        (".ff.net.0.proj.", ".ff.proj."), (".ff.net.2.", ".ff.out."),
        (".downsamplers.0.conv.", ".downsampler."), (".upsamplers.0.conv.", ".upsampler."),
    ]:
        name = name.replace(theirs, ours)
    return f"guidance.unet.{name}"


class Composition:
    def __init__(self):
        self.tower = clip_tower(dim=24, depth=2, heads=3, mlp=48, patch=4, image=12, embedding=14)
        self.positions = torch.nn.Parameter(normal(1, 7, 24))
        with torch.no_grad():
            self.tower.vision_model.embeddings.class_embedding.copy_(normal(24))
            for bias in self.cancelled():
                bias.copy_(bias.sign() * (0.5 + bias.abs()).float())
        self.neck = torch.nn.BatchNorm1d(14).double()
        with torch.no_grad():
            self.neck.weight.copy_(1 + normal(14, std=0.3).float())
        self.classifier = torch.nn.Parameter(normal(IDENTITIES, 14, std=0.4))
        self.prompts = torch.nn.Parameter(normal(IDENTITIES, 10))
        self.unet = UNet2DConditionModel(
            block_out_channels=(8, 12), layers_per_block=1, attention_head_dim=4,
            cross_attention_dim=10, norm_num_groups=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )
        self.unet.add_adapter(LoraConfig(r=2, lora_alpha=1, target_modules=ADAPTED))
        randomize(self.unet)
        self.unet.time_proj = TimeProjection(self.unet.time_proj)
        # Softmax as written, whose gradient over one token is zero and not merely small.
        self.unet.set_attn_processor(AttnProcessor())
        self.scheduler = noise_schedule()

        tower = timm_names(self.tower, self.positions).items()
        self.parameters = {f"encoder.vit.{name}": parts for name, parts in tower}
        self.parameters |= {
            "encoder.neck.weight": [self.neck.weight], "encoder.neck.bias": [self.neck.bias],
            "classifier.fc.weight": [self.classifier],
            "guidance.condition.prompts": [self.prompts],
        }
        for name, parameter in self.unet.named_parameters():
            self.parameters[unet_name(name)] = [parameter]

    def cancelled(self):
        """Biases that the network ignores."""
        tower = self.tower.vision_model
        keys = [block.self_attn.k_proj.bias for block in tower.encoder.layers]
        return [tower.post_layernorm.bias, *keys]

    def train(self, mode):
        """Lets gradients into what `mode` trains; returns it by name."""
        (self.unet.enable_adapters if mode == "lora" else self.unet.disable_adapters)()
        trained = {}
        for name, parts in self.parameters.items():
            if name.startswith("guidance.unet."):
                wanted = name.endswith(("lora_a", "lora_b")) == (mode == "lora")
            else:
                wanted = name != "encoder.neck.bias" and (name != PATCH or mode == "full")
            for part in parts:
                part.requires_grad_(wanted)
                part.grad = None
            if wanted:
                trained[name] = parts
        return trained

    def forward(self, batch, memory):
        """The losses (total first) and the L2-normalised features."""
        _, embedding = clip_forward(self.tower, self.positions, batch["images"])
        neck = self.neck.train()(embedding)
        self.neck(embedding)  # The implementation does, which moves the running statistics twice.
        logits = neck @ self.classifier.T
        features = F.normalize(neck)
        identity = F.cross_entropy(logits, batch["labels"], label_smoothing=SMOOTHING)
        contrastive = F.cross_entropy(features @ memory.T / TEMPERATURE, batch["labels"])
        condition = F.softmax(logits / CONDITION_TEMPERATURE, dim=1) @ self.prompts
        noised = self.scheduler.add_noise(batch["clean"], batch["noise"], batch["timestep"])
        predicted = self.unet(noised, batch["timestep"], condition[:, None]).sample
        denoising = F.mse_loss(predicted, batch["noise"])
        total = identity + contrastive + LAMBDA * denoising
        return torch.stack([total, identity, contrastive, denoising]), features.detach()


def idle(name):
    """Queries, keys and the norm before the queries of the attention to the condition."""
    keys = [".attn2.to_q.", ".attn2.to_k.", ".transformer_blocks.0.norm2."]
    return any(key in name for key in keys)


def gradients(network, trained):
    """Those of parameters with an influence; the others have none, and no other is negligible."""
    found = {name: join(name, [part.grad for part in parts]) for name, parts in trained.items()}
    largest = max(gradient.abs().max() for gradient in found.values())
    for bias in network.cancelled():
        assert bias.grad.abs().max() < 1e-12 * largest
    for name, gradient in found.items():
        size = gradient.abs().max() / largest
        if idle(name):
            assert size == 0, name
        elif name != "encoder.vit.norm.bias":
            assert size > 1e-4, f"{name}: {size}"
    return {name: gradient for name, gradient in found.items() if not idle(name)}


def shares(network, batch, memory, trained):
    """No loss is so small beside the others that its gradient could be wrong unnoticed."""
    encoder = [p for name, parts in trained.items() if name.startswith("encoder") for p in parts]
    losses, _ = network.forward(batch, memory)
    flat = []
    for loss in losses * torch.tensor([1, 1, 1, LAMBDA]):
        parts = torch.autograd.grad(loss, encoder, retain_graph=True)
        flat.append(torch.cat([part.flatten() for part in parts]).norm())
    print("shares of the encoder's gradient:", [f"{part / flat[0]:.3f}" for part in flat[1:]])
    assert min(flat[1:]) > 0.1 * flat[0]


def optimizer(parameters):
    return torch.optim.Adam(parameters, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4)


def main():
    torch.manual_seed(91)
    network = Composition()
    start = {name: join(name, parts) for name, parts in network.parameters.items()}
    labels = [[0, 0, 0, 3, 3, 3, 5, 5, 5], [1, 1, 1, 3, 3, 3, 6, 6, 6], [5, 5, 2, 2, 2, 4, 4, 4, 5]]
    batches = {
        "images": normal(STEPS, BATCH, 3, 12, 8), "labels": torch.tensor(labels),
        "clean": normal(STEPS, BATCH, 4, 6, 4), "noise": normal(STEPS, BATCH, 4, 6, 4),
        "timestep": torch.randint(0, 1000, (STEPS, BATCH)),
    }
    batches["timestep"][0, :2] = torch.tensor([0, 999])
    memory = F.normalize(normal(IDENTITIES, 14)).float().double()
    tensors = {f"w.{name}": value for name, value in start.items()}
    tensors |= {"w.encoder.neck.running_mean": network.neck.running_mean.clone(),
                "w.encoder.neck.running_var": network.neck.running_var.clone()}
    tensors |= {**batches, "memory": memory.clone()}
    batch = {name: value[0] for name, value in batches.items()}

    for mode in ["full", "lora"]:
        trained = network.train(mode)
        losses, _ = network.forward(batch, memory)
        losses[0].backward()
        tensors[f"{mode}.loss"] = losses
        for name, gradient in gradients(network, trained).items():
            if mode == "lora" or name == PATCH or name.startswith("guidance.unet."):
                tensors[f"{mode}.grad.{name}"] = gradient
    shares(network, batch, memory, trained)

    network.neck.reset_running_stats()
    # Adam divides gradients by their size, so near zero rounding decides where a parameter goes.
    # The same parameters under gradients that are 1e-6 off tell whether any of these would.
    rounded = {name: torch.nn.Parameter(start[name].clone()) for name in trained}
    adam, rounded_adam = optimizer(sum(trained.values(), [])), optimizer(rounded.values())
    history = []
    for step, rate in enumerate(RATES):
        batch = {name: value[step] for name, value in batches.items()}
        adam.param_groups[0]["lr"] = rounded_adam.param_groups[0]["lr"] = rate
        losses, features = network.forward(batch, memory)
        adam.zero_grad()
        losses[0].backward()
        for name, parts in trained.items():
            gradient = join(name, [part.grad for part in parts])
            rounded[name].grad = gradient + torch.randn_like(gradient) * 1e-6 * gradient.abs().max()
        adam.step()
        rounded_adam.step()
        update_hard(memory, features, batch["labels"], GAMMA)
        history.append(losses.detach())
    for name, parts in trained.items():
        if not idle(name):
            moved = join(name, parts) - start[name]
            error = (rounded[name] - start[name] - moved).abs().max() / moved.abs().max()
            assert error < 1e-4, f"{name}: take another seed, rounding decides: {error}"
            tensors[f"step.moved.{name}"] = moved
    tensors |= {
        "step.loss": torch.stack(history), "step.memory": memory,
        "step.running_mean": network.neck.running_mean,
        "step.running_var": network.neck.running_var,
    }
    save("training", tensors)


main()
