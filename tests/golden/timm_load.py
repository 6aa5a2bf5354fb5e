"""An exported model in timm beside the trainer's embeddings.

    python timm_load.py MODEL CROPS EMBEDDINGS.safetensors

EMBEDDINGS is what `trainer extract` wrote of CROPS. Every tensor of the file must find its
place. A neck that does nothing, as that of an imported CLIP, lets the transformer's own output
be compared too. Fails if a number differs by more than 1e-5.
"""

import json
import pathlib
import sys

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import normalize


def load(folder):
    vit = json.loads((folder / "config.json").read_text())["vit"]
    sizes = dict(img_size=(vit["height"], vit["width"]), patch_size=vit["patch"],
                 embed_dim=vit["dim"], depth=vit["depth"], num_heads=vit["heads"],
                 mlp_ratio=vit["mlp_ratio"])
    dim, width = vit["dim"], vit["embedding"]
    # The README's three lines, for any size.
    model = timm.create_model("vit_base_patch16_clip_quickgelu_224", num_classes=0, **sizes)
    model.head, model.neck = nn.Linear(dim, width, bias=False), nn.BatchNorm1d(width)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()


def read(folder, crops):
    size = json.loads((folder / "config.json").read_text())["preprocess"]
    filter = Image.Resampling[size["resize"].upper()]
    for path in sorted(crops.iterdir()):
        crop = Image.open(path).convert("RGB").resize((size["width"], size["height"]), filter)
        pixels = (np.asarray(crop) / 255 - size["mean"]) / size["std"]
        yield torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))


@torch.no_grad()
def main(folder, crops, embeddings):
    expected = load_file(embeddings)["embeddings"]
    model = load(folder)
    before = model(torch.stack(list(read(folder, crops))))
    after = model.neck(before)
    compared = {"embedding": after}
    if torch.allclose(before, after, rtol=1e-4, atol=0):
        compared["before the neck"] = before
    for what, found in compared.items():
        difference = (normalize(found) - expected).abs().max().item()
        print(f"timm, {folder.name}, {what}: difference at most {difference:.1e}, bound 1e-5")
        assert difference <= 1e-5


main(*map(pathlib.Path, sys.argv[1:4]))
