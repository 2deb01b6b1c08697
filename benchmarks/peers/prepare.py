# SPDX-License-Identifier: MIT
"""Makes the weights that all contestants of a network load, and from them the models of ONNX
Runtime and OpenVINO (NETWORK-BATCH.onnx) and of ncnn (NETWORK.ncnn.param, for batches of one).

Kaiming's initialisation as torchvision's, and running statistics of random images, so that the
activations are of a trained network's size. Usage: prepare.py FOLDER NETWORK BATCH...
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from networks import NETWORKS


def calibrated(network):
    torch.manual_seed(0)
    model = NETWORKS[network](10)
    norms = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            norms.append((module, module.momentum))
            module.momentum = None  # the average of all batches
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(16, 3, 224, 224))
    for norm, momentum in norms:
        norm.momentum = momentum
    return model.eval()


def main(folder, network, batches):
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{network}.pth"
    if not weights.exists():
        state = dict(calibrated(network).state_dict())  # LibTorch reads no OrderedDict
        torch.save(state, weights)
    model = NETWORKS[network](10).eval()
    model.load_state_dict(torch.load(weights))
    warnings.simplefilter("ignore")
    for batch in batches:
        if not (path := folder / f"{network}-{batch}.onnx").exists():
            example = torch.zeros(batch, 3, 224, 224)
            torch.onnx.export(
                model, (example,), path, dynamo=True, external_data=False, verbose=False
            )
    if not (folder / f"{network}.ncnn.param").exists():
        import pnnx

        example = torch.zeros(1, 3, 224, 224)
        pnnx.export(model, str(folder / f"{network}.pt"), (example,), fp16=False)


main(Path(sys.argv[1]), sys.argv[2], [int(batch) for batch in sys.argv[3:]])
