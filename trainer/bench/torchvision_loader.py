"""Images per second of torchvision's transforms under PyTorch's DataLoader.

    python torchvision_loader.py FOLDER [--workers 2] [--seconds 10]

FOLDER holds training crops in the Market-1501 naming. The work is that of `trainer bench loader`:
16 identities of 4 images a batch, 256 x 128 pixels, the same augmentation in the same order, in
the customary setup of re-identification code (PIL images, worker processes that stay).
"""

import argparse
import pathlib
import random
import time

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode

IDENTITIES, IMAGES = 16, 4


class Crops(Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.transform = T.Compose([
            T.Resize((256, 128), interpolation=InterpolationMode.BICUBIC),
            T.RandomHorizontalFlip(0.5),
            T.Pad(10),
            T.RandomCrop((256, 128)),
            T.ToTensor(),
            T.Normalize([0.5] * 3, [0.5] * 3),
            T.RandomErasing(p=0.5, scale=(0.02, 0.4), ratio=(0.3, 1 / 0.3), value=0.5),
        ])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), index


class Identities:
    """P identities of K images a batch, every image once in an epoch."""

    def __init__(self, labels):
        self.images = {}
        for index, label in enumerate(labels):
            self.images.setdefault(label, []).append(index)

    def __iter__(self):
        groups = {}
        for label, images in self.images.items():
            images = random.sample(images, len(images))
            groups[label] = [images[i:i + IMAGES] for i in range(0, len(images) - IMAGES + 1, IMAGES)]
        left = [label for label, own in groups.items() if own]
        while len(left) >= IDENTITIES:
            yield [index for label in random.sample(left, IDENTITIES) for index in groups[label].pop()]
            left = [label for label in left if groups[label]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    args = parser.parse_args()
    paths = sorted(args.folder.glob("*.jpg"))
    loader = DataLoader(
        Crops(paths), batch_sampler=Identities([path.name.split("_")[0] for path in paths]),
        num_workers=args.workers, persistent_workers=args.workers > 0,
    )
    warm, started, images = time.perf_counter() + 1, None, 0
    while True:
        for pixels, _ in loader:
            now = time.perf_counter()
            if started is None:
                started = now if now >= warm else None
                continue
            images += len(pixels)
            if now - started >= args.seconds:
                print(f"{images / (now - started):.1f} images/s")
                return


if __name__ == "__main__":
    torch.manual_seed(1)
    random.seed(1)
    main()
