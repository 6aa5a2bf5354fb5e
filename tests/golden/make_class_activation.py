"""Writes class_activation.safetensors: Grad-CAM of a vision transformer, by torch's autograd.

transformers' CLIP tower (width 24, 2 layers, 3 heads, patch 4, image 16 x 12), torch's BatchNorm1d
in evaluation mode and a linear classifier of 5 identities, in f64 from values that are exact in
f32. Weights have this project's names.

images [3, 3, 16, 12]; logits [3, 5]
maps.predicted [3, 12], maps.identity [3, 12]: for the largest logit and for identity 2
"""

import torch

from reference import clip_forward, clip_tower, join, normal, save, timm_names

IDENTITIES, IDENTITY = 5, 2


def main():
    torch.manual_seed(3)
    tower = clip_tower(dim=24, depth=2, heads=3, mlp=48, patch=4, image=16, embedding=14)
    positions = normal(1, 13, 24)
    with torch.no_grad():
        tower.vision_model.embeddings.class_embedding.copy_(normal(24))
    neck = torch.nn.BatchNorm1d(14).double().eval()
    with torch.no_grad():
        neck.weight.copy_(1 + normal(14, std=0.3))
        neck.running_mean.copy_(normal(14))
        neck.running_var.copy_(normal(14).square() + 0.5)
    classifier = normal(IDENTITIES, 14)
    images = normal(3, 3, 16, 12)

    kept = {}

    def keep(_module, _inputs, output):
        output.retain_grad()
        kept["activations"] = output

    tower.vision_model.encoder.layers[-1].layer_norm1.register_forward_hook(keep)

    def maps(choose):
        tower.zero_grad()
        _, embedding = clip_forward(tower, positions, images)
        logits = neck(embedding) @ classifier.T
        choose(logits).sum().backward()
        activations = kept["activations"]
        weights = activations.grad[:, 1:].mean(dim=1, keepdim=True)
        found = (activations[:, 1:] * weights).sum(dim=2).relu()
        assert (found.amax(dim=1) > 0).all()
        return found / found.amax(dim=1, keepdim=True), logits

    predicted, logits = maps(lambda logits: logits.amax(dim=1))
    identity, _ = maps(lambda logits: logits[:, IDENTITY])
    names = timm_names(tower, positions).items()
    weights = {f"encoder.vit.{name}": join(name, parts) for name, parts in names}
    weights |= {f"encoder.neck.{name}": value for name, value in neck.state_dict().items()
                if name != "num_batches_tracked"}
    save("class_activation", {
        **weights, "classifier.fc.weight": classifier, "images": images, "logits": logits,
        "maps.predicted": predicted, "maps.identity": identity,
    })


main()
