# SPDX-License-Identifier: MIT
"""Makes the weights that all contestants load, and from them ONNX Runtime's models.

Kaiming's initialisation as torchvision's, and running statistics of random images, so that the
activations are of a trained network's size. Usage: prepare.py FOLDER BATCH...
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from resnet import ResNet18


def calibrated():
    torch.manual_seed(0)
    model = ResNet18(10)
    norms = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the average of all batches
            norms.append(module)
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(16, 3, 224, 224))
    for norm in norms:
        norm.momentum = 0.1
    return model.eval()


def main(folder, batches):
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "resnet18.pth"
    if not weights.exists():
        torch.save(dict(calibrated().state_dict()), weights)  # LibTorch reads no OrderedDict
    model = ResNet18(10).eval()
    model.load_state_dict(torch.load(weights))
    warnings.simplefilter("ignore")
    for batch in batches:
        if not (path := folder / f"resnet18-{batch}.onnx").exists():
            example = torch.zeros(batch, 3, 224, 224)
            torch.onnx.export(
                model, (example,), path, dynamo=True, external_data=False, verbose=False
            )


main(Path(sys.argv[1]), [int(batch) for batch in sys.argv[2:]])
