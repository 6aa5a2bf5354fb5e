"""A model folder of random weights, and crops.

    python model.py FOLDER tiny|stem|bands|small|vit-b-16

writes FOLDER/model (model.safetensors by timm's names, config.json) and FOLDER/crops.

Matrices have the standard deviation 1 / sqrt(inputs), queries and keys twice that, so that
attention is far from uniform; norms, biases and the neck's statistics are far from 1 and 0.
"""

import json
import pathlib
import sys

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

SIZES = {
    "tiny": dict(height=96, width=48, patch=12, dim=96, depth=3, heads=3, mlp_ratio=4,
                 embedding=128),
    "stem": dict(height=128, width=64, patch=16, stem=[16, 32, 64], dim=96, depth=2, heads=3,
                 mlp_ratio=4, embedding=128),
    "bands": dict(height=128, width=64, patch=16, stem=[16, 32, 64], residual=True, dim=96, depth=1,
                  heads=3, mlp_ratio=4, bands=4, embedding=128),
    "small": dict(height=128, width=64, patch=16, dim=192, depth=6, heads=3, mlp_ratio=4,
                  embedding=256),
    "vit-b-16": dict(height=256, width=128, patch=16, dim=768, depth=12, heads=12, mlp_ratio=4,
                     embedding=512),
}


def weights(vit, draw):
    dim, side, wide = vit["dim"], vit["patch"], vit["mlp_ratio"] * vit["dim"]
    patches = vit["height"] // side * (vit["width"] // side)
    out = {}

    def matrix(name, *shape):
        std = np.prod(shape[1:]) ** -0.5
        out[name] = draw.standard_normal(shape, np.float32) * np.float32(std)

    def vector(name, size, mean=0.0):
        out[name] = (mean + 0.2 * draw.standard_normal(size)).astype(np.float32)

    def norm(name, size):
        vector(f"{name}.weight", size, 1.0)
        vector(f"{name}.bias", size)

    before = 3
    for i, channels in enumerate(vit.get("stem", [])):
        matrix(f"patch_embed.backbone.{i}.conv.weight", channels, before, 3, 3)
        norm(f"patch_embed.backbone.{i}.bn", channels)
        if vit.get("residual") and i > 0:
            for part in "12":
                residual = f"patch_embed.backbone.{i}.residual"
                matrix(f"{residual}.conv{part}.weight", channels, channels, 3, 3)
                norm(f"{residual}.bn{part}", channels)
            norm(f"{residual}.norm", channels)
        before, side = channels, side // 2
    matrix("patch_embed.proj.weight", dim, before, side, side)
    for name, tokens in [("cls_token", 1), ("pos_embed", 1 + patches)]:
        out[name] = draw.standard_normal((1, tokens, dim), np.float32)
    norm("norm_pre", dim)
    for i in range(vit["depth"]):
        block = f"blocks.{i}"
        norm(f"{block}.norm1", dim)
        norm(f"{block}.norm2", dim)
        for name, rows, columns in [("attn.qkv", 3 * dim, dim), ("attn.proj", dim, dim),
                                    ("mlp.fc1", wide, dim), ("mlp.fc2", dim, wide)]:
            matrix(f"{block}.{name}.weight", rows, columns)
            vector(f"{block}.{name}.bias", rows)
        out[f"{block}.attn.qkv.weight"][:2 * dim] *= 2
    norm("norm", dim)
    matrix("head.weight", vit["embedding"], dim * (1 + vit.get("bands", 0)))
    norm("neck", vit["embedding"])
    vector("neck.running_mean", vit["embedding"])
    out["neck.running_var"] = draw.uniform(0.5, 2, vit["embedding"]).astype(np.float32)
    return out


def crop(draw):
    """Blurred noise of some size: neither one colour nor one frequency."""
    coarse = draw.integers(0, 256, (8, 4, 3), dtype=np.uint8)
    width, height = (int(side) for side in draw.integers((40, 90), (160, 320)))
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC), np.int16)
    noise = draw.integers(-40, 41, (height, width, 3), dtype=np.int16)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def main(folder, size):
    draw = np.random.default_rng(5)
    vit = SIZES[size]
    (folder / "model").mkdir(parents=True)
    (folder / "crops").mkdir()
    save_file(weights(vit, draw), folder / "model/model.safetensors")
    # Other numbers than this project's own, so that a file must carry them.
    preprocess = dict(height=vit["height"], width=vit["width"], resize="bilinear",
                      mean=[0.48, 0.46, 0.41], std=[0.27, 0.26, 0.28])
    config = dict(version=1, vit=vit, preprocess=preprocess)
    (folder / "model/config.json").write_text(json.dumps(config))
    for i in range(4):
        crop(draw).save(folder / f"crops/{i}.png")


main(pathlib.Path(sys.argv[1]), sys.argv[2])
