#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/concat.safetensors: how PyTorch trains models that join branches (torch.cat),
a U-Net, which joins stages, and DeepLabV3's pyramid.

tests/support/concat_cases.hpp reads it and spells the same models. PyTorch computes in float64 from
float32 numbers. The keys of a case, of eight pictures in batches of 3, 3 and 2:
    case.images, case.labels
    case.losses                 of five steps of SGD with momentum
    case.start/KEY, case.first/KEY, case.last/KEY   all tensors before, after one step, after five
    case.logits                 of the trained model in evaluation
Usage: /usr/bin/python3 tests/golden/make_concat.py   (Debian: python3-torch, 1.13, and torchvision)
"""

import pathlib
from collections import OrderedDict

import safetensors_file
import torch
from torch import nn
from torchvision.models.segmentation.deeplabv3 import ASPP

arrays = {}
random = torch.Generator().manual_seed(7)


def normal(*shape):
    return torch.randn(*shape, generator=random)


class Concat(nn.Module):
    def __init__(self, *branches, **named):
        super().__init__()
        for k, branch in [*enumerate(branches), *named.items()]:
            self.add_module(str(k), branch)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.children()], dim=1)


def unit(inputs, outputs, kernel=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2),
                         nn.BatchNorm2d(outputs), nn.ReLU())


def dense_layer(inputs, outputs):
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(),
                         nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False))


def model(width, **parts):
    head = {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(width, 5)}
    return nn.Sequential(OrderedDict(parts | head))


def down(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU())


class Block(nn.Module):  # segmentation_models_pytorch's decoder block, but bilinear, with a norm
    def __init__(self, inputs, skip, outputs):
        super().__init__()
        self.skip = nn.ModuleDict({"norm": nn.BatchNorm2d(skip)})
        for name, channels in (("conv1", inputs + skip), ("conv2", outputs)):
            self.add_module(name, nn.Sequential(
                nn.Conv2d(channels, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
                nn.ReLU()))

    def forward(self, x, skip):
        x = nn.functional.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.conv2(self.conv1(torch.cat([x, self.skip.norm(skip)], dim=1)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.down, self.deep = unit(3, 4, 3), down(4, 16), down(16, 8)
        self.decoder = nn.Module()
        self.decoder.blocks = nn.ModuleList([Block(8, 16, 6), Block(6, 4, 5)])
        self.avgpool, self.flatten, self.fc = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 5)

    def forward(self, x):
        first = self.stem(x)
        second = self.down(first)
        x = self.decoder.blocks[0](self.deep(second), second)
        return self.fc(self.flatten(self.avgpool(self.decoder.blocks[1](x, first))))


def store(key, tensor):
    tensor = tensor.detach()
    arrays[key] = (tensor.float() if tensor.is_floating_point() else tensor).numpy().copy()


def store_all(prefix, network):
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            store(f"{prefix}/{name}", tensor)


def case(name, network):
    for parameter in network.parameters():
        scale = 1 if parameter.dim() == 1 else parameter[0].numel() ** -0.5
        parameter.data = (normal(*parameter.shape) * scale).float()
    network.double()
    images, labels = normal(8, 3, 9, 7), torch.randint(5, (8,), generator=random)
    store(f"{name}.images", images)
    store(f"{name}.labels", labels)
    store_all(f"{name}.start", network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for step, begin in enumerate([0, 3, 6, 0, 3]):
        end = min(begin + 3, 8)
        loss = nn.functional.cross_entropy(network(images[begin:end].double()), labels[begin:end])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if step == 0:
            store_all(f"{name}.first", network)
    store(f"{name}.losses", torch.stack(losses))
    store_all(f"{name}.last", network)
    network.eval()
    store(f"{name}.logits", network(images.double()))


case("inception", model(28, stem=unit(3, 4, 3), block=Concat(
    branch1=unit(4, 16),
    branch2=unit(4, 8, 3),
    branch3=nn.Sequential(nn.MaxPool2d(3, 1, 1), *unit(4, 4)))))
case("odd", model(25, stem=unit(3, 16, 3), block=Concat(
    unit(16, 5, 3), nn.Conv2d(16, 3, 1), nn.Identity(), nn.Conv2d(16, 1, 1))))
case("dense", model(23, stem=unit(3, 16, 3),
                    first=Concat(**{"0": nn.Identity(), "layer": dense_layer(16, 4)}),
                    second=Concat(**{"0": nn.Identity(), "layer": dense_layer(20, 3)})))
case("unet", UNet())
aspp = ASPP(8, [1, 2, 4], 4)
aspp.project[3].p = 0.0
case("deeplab", model(4, stem=unit(3, 8, 3), classifier=nn.Sequential(aspp)))

path = pathlib.Path(__file__).parent / "concat.safetensors"
safetensors_file.write(path, arrays)
print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")
