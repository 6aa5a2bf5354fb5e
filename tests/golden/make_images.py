"""Writes images.safetensors: what Pillow makes of pictures that are hard to resize, and torchvision
of given draws of the augmentation.

resize.N.input    [h, w, 3] u8
resize.N.size     [2] i64: width, height of the target
resize.N.rows     [k] i64: the rows of the result that are stored (all of a small one)
resize.N.output   [k, width, 3] u8: Image.resize(size, BICUBIC)
resize.N.hash     [1] i64: FNV-1a (64 bit) over every byte of the result
resize.N.bilinear [1] i64: the same of Image.resize(size, BILINEAR)
decode.NAME.file  [bytes] u8: a PNG, JPEG or WebP
decode.NAME.rgb   [h, w, 3] u8: exif_transpose, convert("RGB"), of 16-bit files the high byte
augment.N.*       input [h, w, 3] u8; params [10] i64: out_width, out_height, flip, pad,
                  crop top, crop left, erase top, left, height, width (height 0: none);
                  window [4] i64: top, left, height, width of what is kept of the input;
                  jitter [3] f32: factors of brightness, contrast and saturation, in this order;
                  gamma [3] f32: of each channel; matrix.N [3] f32: weights in channel N;
                  shear [2] f32: of the lowest row, of the last column, in halves of the image;
                  output [3, out_height, out_width] f32

Pillow 13 swaps the two passes of some resizes. Up to 12 the horizontal one comes first, and
published models were trained on its pixels, so requirements.txt pins 12.
"""

import io
import pathlib

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import ExifTags, Image, ImageOps
from safetensors.numpy import save_file

rng = np.random.default_rng(20240)
tensors = {}


def noise(w, h):
    return rng.integers(0, 256, (h, w, 3), dtype=np.uint8)


def extremes(w, h):
    return (rng.integers(0, 2, (h, w, 3)) * 255).astype(np.uint8)


def checkerboard(w, h):
    y, x = np.mgrid[:h, :w]
    return np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


def gradient(w, h):
    y, x = np.mgrid[:h, :w]
    planes = [x * 255 // max(w - 1, 1), y * 255 // max(h - 1, 1), (x * 7 + y * 13) % 256]
    return np.stack(planes, axis=2).astype(np.uint8)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return np.array([value], dtype=np.uint64).view(np.int64)


resizes = [
    (noise(48, 128), (128, 256)),
    (extremes(32, 64), (128, 256)),
    (gradient(32, 64), (64, 64)),
    (noise(61, 97), (24, 48)),
    (extremes(100, 40), (17, 23)),
    (checkerboard(50, 51), (13, 29)),
    (checkerboard(9, 8), (31, 30)),
    (noise(30, 20), (30, 41)),  # the height alone changes
    (noise(20, 30), (41, 30)),  # the width alone changes
    (noise(12, 11), (12, 11)),  # nothing changes
    (extremes(37, 53), (1, 1)),
    (extremes(40, 31), (3, 2)),
    (noise(1, 1), (5, 7)),
    (extremes(2, 3), (19, 16)),
    (extremes(1, 40), (8, 9)),
    (noise(23, 7), (22, 8)),
    (extremes(26, 52), (25, 104)),  # shrinks one way, grows the other
    (gradient(16, 32), (24, 48)),
]
for number, (pixels, size) in enumerate(resizes):
    result = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    rows = np.arange(0, size[1], max(1, result.size // 4096))
    tensors[f"resize.{number}.input"] = pixels
    tensors[f"resize.{number}.size"] = np.array(size, dtype=np.int64)
    tensors[f"resize.{number}.rows"] = rows
    tensors[f"resize.{number}.output"] = np.ascontiguousarray(result[rows])
    tensors[f"resize.{number}.hash"] = fnv1a(result.tobytes())
    bilinear = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    tensors[f"resize.{number}.bilinear"] = fnv1a(bilinear.tobytes())


def store_file(name, image, rgb=None, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    data = buffer.getvalue()
    if rgb is None:
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    tensors[f"decode.{name}.file"] = np.frombuffer(data, dtype=np.uint8)
    tensors[f"decode.{name}.rgb"] = np.ascontiguousarray(rgb)


color = Image.fromarray(noise(13, 9))
alpha = Image.fromarray(noise(13, 9)).convert("L")
rgba = color.copy()
rgba.putalpha(alpha)
store_file("png_rgb", color, format="PNG")
store_file("png_rgba", rgba, format="PNG")
store_file("png_grey", color.convert("L"), format="PNG")
store_file("png_grey_alpha", rgba.convert("LA"), format="PNG")
store_file("png_bit", color.convert("1"), format="PNG")
store_file("png_palette", color.quantize(11), format="PNG")
store_file("png_palette_transparent", color.quantize(11), format="PNG", transparency=3)
wide = rng.integers(0, 65536, (9, 13), dtype=np.uint16)
high = np.repeat((wide >> 8).astype(np.uint8)[..., None], 3, axis=2)
store_file("png_grey_16", Image.fromarray(wide), rgb=high, format="PNG")

# JPEG decoders may differ in the last bit of the inverse transform, so these
# pictures are smooth and the test allows for it.
smooth = Image.fromarray(gradient(8, 8)[..., [0, 1, 0]]).resize((24, 40), Image.Resampling.BICUBIC)
store_file("jpeg_444", smooth, format="JPEG", quality=90, subsampling=0)
store_file("jpeg_420", smooth, format="JPEG", quality=90, subsampling=2)
store_file("jpeg_grey", smooth.convert("L"), format="JPEG", quality=90)
store_file("jpeg_progressive", smooth, format="JPEG", quality=90, subsampling=0, progressive=True)
store_file("webp", color, format="WEBP", lossless=True)
store_file("webp_lossy", smooth, format="WEBP", quality=90)

# Cameras note in EXIF how they were held.
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    smooth.save(file, format="JPEG", quality=90, subsampling=0, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    store_file(f"jpeg_exif_{orientation}", smooth, rgb=upright, format="JPEG", quality=90,
               subsampling=0, exif=exif)

augmentations = [
    # width, height of the input and of the output, flip, pad, crop top, crop left,
    # erase top, left, height, width
    (17, 9, 12, 24, 0, 0, 0, 0, 0, 0, 0, 0),  # nothing but the resize
    (17, 9, 12, 24, 1, 10, 0, 20, 0, 0, 0, 0),
    (17, 9, 12, 24, 1, 3, 5, 1, 2, 3, 11, 7),
    (17, 9, 10, 20, 0, 10, 19, 4, 12, 4, 8, 6),
    (17, 9, 7, 9, 1, 1, 1, 2, 0, 0, 1, 1),
    (45, 91, 16, 32, 0, 10, 10, 10, 0, 0, 31, 15),  # shrinks; the crop is the image itself
    (45, 91, 16, 32, 1, 10, 20, 0, 0, 0, 0, 0),  # the lower left corner
    (9, 17, 16, 32, 1, 10, 3, 17, 21, 9, 11, 7),  # grows; erased up to the last corner
    (16, 32, 16, 32, 1, 0, 0, 0, 5, 0, 4, 15),  # keeps its size
    (61, 11, 13, 27, 0, 5, 0, 10, 26, 12, 1, 1),  # far from the ratio of the output
    (45, 91, 16, 32, 1, 2, 1, 3, 4, 2, 5, 6),
    (45, 91, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0),
    (9, 17, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0),
    (30, 60, 16, 32, 0, 2, 2, 2, 0, 0, 0, 0),
]
# Those that do not keep all, and those that change colours.
windows = {10: (3, 9, 77, 31), 11: (14, 0, 77, 45), 12: (16, 8, 1, 1)}
jitters = {10: (1.3, 0.7, 1.2), 12: (0.5, 1.9, 0.0), 13: (0.7, 1.3, 1.3)}
gammas = {10: (0.7, 1.4, 1.1), 11: (2.0, 0.4, 1.0), 13: (1.3, 1.0, 0.8)}
matrices = {10: ((1.1, -0.2, 0.1), (0.05, 0.8, 0.1), (0.3, -0.1, 0.9)),
            12: ((0.5, 0.5, 0.5), (-1.0, 1.0, -1.0), (0.0, 0.0, 1.0)),
            13: ((0.9, 0.1, 0.0), (0.2, 0.9, -0.1), (0.0, 0.25, 0.75))}
shears = {10: (0.1531, -0.0817), 11: (0.2973, 0.0), 13: (-0.1129, 0.2139)}
mean, std = [0.5, 0.4, 0.45], [0.5, 0.25, 0.3]


def sheared(image, aside, down):
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0).float()
    theta = torch.tensor([[[1.0, -aside, 0.0], [-down, 1.0, 0.0]]])
    grid = torch.nn.functional.affine_grid(theta, pixels.shape, align_corners=False)
    moved = torch.nn.functional.grid_sample(pixels, grid, padding_mode="border",
                                            align_corners=False)
    return Image.fromarray((moved + 0.5).byte()[0].permute(1, 2, 0).numpy())



tensors["augment.mean"], tensors["augment.std"] = np.float32(mean), np.float32(std)
for number, (in_width, in_height, *params) in enumerate(augmentations):
    width, height, flip, pad, top, left, e_top, e_left, e_height, e_width = params
    pixels = noise(in_width, in_height)
    window = windows.get(number, (0, 0, in_height, in_width))
    jitter = jitters.get(number, (1.0, 1.0, 1.0))
    image = F.resized_crop(Image.fromarray(pixels), *window, [height, width],
                           F.InterpolationMode.BICUBIC)
    shear = np.float32(shears.get(number, (0.0, 0.0)))
    image = sheared(image, *shear.tolist())
    gamma = np.float32(gammas.get(number, (1.0, 1.0, 1.0)))
    image = Image.merge("RGB", [F.adjust_gamma(channel, exponent)
                                for channel, exponent in zip(image.split(), gamma.tolist())])
    matrix = np.float32(matrices.get(number, np.eye(3)))
    image = image.convert("RGB", [float(v) for row in matrix for v in (*row, 0.0)])
    image = F.adjust_brightness(image, jitter[0])
    image = F.adjust_contrast(image, jitter[1])
    image = F.adjust_saturation(image, jitter[2])
    image = F.hflip(image) if flip else image
    image = F.crop(F.pad(image, pad, fill=0), top, left, height, width)
    values = F.normalize(F.to_tensor(image), mean, std)
    values = F.erase(values, e_top, e_left, e_height, e_width, v=0.5)
    tensors[f"augment.{number}.input"] = pixels
    tensors[f"augment.{number}.params"] = np.array(params, dtype=np.int64)
    tensors[f"augment.{number}.window"] = np.array(window, dtype=np.int64)
    tensors[f"augment.{number}.jitter"] = np.float32(jitter)
    tensors[f"augment.{number}.gamma"] = gamma
    for row in range(3):
        tensors[f"augment.{number}.matrix.{row}"] = matrix[row]
    tensors[f"augment.{number}.shear"] = shear
    tensors[f"augment.{number}.output"] = values.numpy()

save_file(tensors, pathlib.Path(__file__).with_name("images.safetensors"))
