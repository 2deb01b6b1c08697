# SPDX-License-Identifier: MIT
"""Pictures of several sizes and kinds, and normalised batches, from examples/data/clipart10."""

import pathlib
import random

import numpy as np
import torch
from PIL import Image, ImageDraw
from torchvision import transforms

DATA = pathlib.Path(__file__).parents[2] / "examples/data/clipart10"
CLASSES = sorted(folder.name for folder in (DATA / "train").iterdir())

# As in examples/predict.cpp: EvaluationTransform, by its defaults and for resnet18_w16.
NORMALIZE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def evaluation_transform(resize=256, crop=224):
    steps = [transforms.Resize(resize), transforms.CenterCrop(crop), transforms.ToTensor()]
    return transforms.Compose([*steps, NORMALIZE])


def read(path):
    return Image.open(path).convert("RGB")


def collage(width, height, rng):
    """Enlarged clipart on a background with a colour gradient."""
    corners = np.array([[rng.randrange(256) for _ in range(3)] for _ in range(2)], np.float32)
    share = np.add.outer(np.linspace(0, 0.5, height), np.linspace(0, 0.5, width))[..., None]
    picture = Image.fromarray(np.uint8(corners[0] + (corners[1] - corners[0]) * share))
    files = sorted(DATA.glob("train/*/*.jpg"))
    for _ in range(5):
        side = rng.randrange(min(width, height) // 3, min(width, height))
        piece = read(rng.choice(files)).resize((side, side), Image.BICUBIC)
        picture.paste(piece, (rng.randrange(-side // 3, width - side // 2),
                              rng.randrange(-side // 3, height - side // 2)))
    return picture


def write_pictures(folder, seed):
    """JPEG and PNG files of several sizes, shapes and colour modes; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)

    def rgba(picture):
        mask = Image.new("L", picture.size, 0)
        ImageDraw.Draw(mask).ellipse((0, 0, *picture.size), fill=200)
        picture.putalpha(mask)
        return picture

    def same(picture):
        return picture

    kinds = [
        ("landscape.jpg", 640, 427, same, dict(quality=90)),
        ("portrait.jpg", 375, 500, same, dict(quality=95, subsampling="4:4:4")),
        ("panorama.jpg", 1200, 301, same, dict(quality=80, subsampling="4:2:2")),
        ("narrow.jpg", 231, 701, same, dict(quality=85, progressive=True)),
        ("large.jpg", 1920, 1281, same, dict(quality=75)),
        ("grey.jpg", 256, 256, lambda p: p.convert("L"), dict(quality=90)),
        ("odd.png", 257, 333, same, {}),
        ("grey.png", 400, 299, lambda p: p.convert("L"), {}),
        ("palette.png", 320, 320, lambda p: p.convert("P", palette=Image.ADAPTIVE, colors=64), {}),
        ("rgba.png", 300, 451, rgba, {}),
    ]
    paths = []
    for name, width, height, change, options in kinds:
        paths.append(folder / name)
        change(collage(width, height, rng)).save(paths[-1], **options)
    for label in (CLASSES[1], CLASSES[-1]):  # as they are, 96x96: smaller than the crop
        paths.append(sorted((DATA / "val" / label).glob("*.jpg"))[0])
    return paths


def batches(steps, size, seed):
    """Clipart at 224x224, all different, and its classes. Shapes: (steps, size, 3, 224, 224)."""
    rng = random.Random(seed)
    chosen = rng.sample(sorted(DATA.glob("train/*/*.jpg")), steps * size)
    transform = evaluation_transform(resize=400)
    images = torch.stack([transform(read(path)) for path in chosen])
    labels = torch.tensor([CLASSES.index(path.parent.name) for path in chosen])
    return images.reshape(steps, size, 3, 224, 224), labels.reshape(steps, size)


def pixel_labels(images, labels, ignored):
    """Labels for segmentation: a picture's class + 1 where it is not white, else background (0);
    the border between both is ignored. Shapes: (..., 3, H, W) and (...) to (..., H, W)."""
    white = images.amin(dim=-3) > images.amax(dim=(-3, -2, -1))[..., None, None] - 0.7
    result = torch.where(white, torch.tensor(0), labels[..., None, None] + 1)
    border = torch.zeros_like(white)
    border[..., 1:] |= white[..., 1:] != white[..., :-1]
    border[..., 1:, :] |= white[..., 1:, :] != white[..., :-1, :]
    return result.masked_fill(border, ignored)
