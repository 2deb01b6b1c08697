# SPDX-License-Identifier: MIT
"""Compares torchvision's backbones with PyTorch: the logits of frozen networks of full size, and
for one of each family a training step of everything. With Concat and with squeeze-and-excitation,
also of the last stage. So have the vision transformers, with their last block, and logits of a file
whose position embeddings are of a larger grid, and are resized. ResNet-101 is ResNet-50's code with
other numbers of blocks. ViT-S/14 is not torchvision's: networks.py has it, with timm's keys.

Usage: compare_backbones.py PROGRAM WORK_FOLDER [TABLE] [MODEL...]

The weights are random; norms differ from channel to channel, and the running statistics of batch
norms have moved. Training has images of 64x64, and the weights of networks.steady(). ConvNeXt and
ViT have layer norms, and the weights of networks.vary(). DeepLabV3 gives 21 logits for each pixel
of an image.
"""

import copy
import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn

import compare_training
import figures
import logits
import networks
import pictures
import safetensors_file


@dataclasses.dataclass
class Backbone:
    name: str  # torchvision's
    title: str
    trains: bool = True
    last: tuple = ()  # the modules of the last stage and the head, if they train alone, too
    options: dict = dataclasses.field(default_factory=dict)
    sums: tuple = ()  # the ends of the names of norms whose values are added before a ReLU
    layer_norms: bool = False
    pixels: bool = False  # it is one of torchvision's segmentation models
    side: int = 64  # of the images of a training step
    grid: int = 0  # of the position embeddings that are resized
    bound: float = 5e-3  # of the updates: one value at a kink of a ReLU can move them by 2e-3


BACKBONES = [
    Backbone("mobilenet_v2", "MobileNetV2"),
    Backbone("resnet50", "ResNet-50", trains=False),
    Backbone("deeplabv3_resnet50", "DeepLabV3 on ResNet-50", trains=False, pixels=True),
    Backbone("resnext50_32x4d", "ResNeXt-50 32x4d", sums=("bn3", "downsample.1")),
    # Which pixel is the largest of a window can depend on rounding.
    Backbone("vgg16_bn", "VGG-16 with batch norm", bound=2e-2),
    Backbone("densenet121", "DenseNet-121",
             last=("features.denseblock4", "features.norm5", "classifier")),
    Backbone("mobilenet_v3_large", "MobileNetV3-Large", trains=False),
    Backbone("mobilenet_v3_small", "MobileNetV3-Small",
             last=("features.11", "features.12", "classifier")),
    Backbone("efficientnet_b0", "EfficientNet-B0", options={"stochastic_depth_prob": 0.0}),
    Backbone("convnext_tiny", "ConvNeXt-Tiny", options={"stochastic_depth_prob": 0.0},
             layer_norms=True, bound=1e-3),
    Backbone("vit_b_16", "ViT-B/16", options={"image_size": 64}, layer_norms=True, bound=2e-4,
             last=("encoder.layers.encoder_layer_11", "encoder.ln", "heads"), grid=24),
    Backbone("vit_s_14", "ViT-S/14", options={"image_size": 56}, layer_norms=True, bound=5e-4,
             last=("blocks.11", "norm", "head"), side=56, grid=37),
]


def run(program, case, folder, state, images, labels=None):
    """Returns what the program prints, and the file that it writes."""
    torch.save(state, folder / "weights.pth")
    images.contiguous().numpy().tofile(folder / "images.f32")
    if labels is not None:
        labels.int().numpy().tofile(folder / "labels.i32")
    command = [program, case, folder / "weights.pth", folder / "images.f32", folder / "labels.i32",
               folder / "out"]
    text = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    return text, folder / "out"


def prepare(model, backbone, batches):
    """Weights as after some training."""
    if backbone.layer_norms:
        return networks.vary(model)
    networks.steady(model, backbone.sums)
    networks.drift(model, batches, from_initial=False)


def maker(backbone):
    return networks.ViTS14 if backbone.name == "vit_s_14" else getattr(networks.models, backbone.name)


def build(backbone):
    if not backbone.pixels:
        return maker(backbone)()
    return getattr(networks.models.segmentation, backbone.name)(
        weights=None, weights_backbone=None, num_classes=21)


def compare_logits(results, backbone, program, folder, images, drifting):
    def logits_of(model, images):
        outputs = model(images)
        return (outputs["out"] if backbone.pixels else outputs).flatten(1).numpy()

    model = build(backbone)
    prepare(model, backbone, drifting)
    _, file = run(program, backbone.name, folder, model.state_dict(), images)
    ours = np.fromfile(file, dtype=np.float32).reshape(len(images), -1)
    with torch.no_grad():
        theirs = logits_of(model.eval(), images)
        exact = logits_of(copy.deepcopy(model).double(), images.double())
        # Random weights can leave little of a signal that float32 keeps: in units of what differs
        # between pictures, PyTorch's own logits are up to 1.5e-3 (MobileNetV2) from those in float64.
        spread = logits.spread(exact)
        ours_away, theirs_away = (float(np.abs(some - exact).max()) / spread
                                  for some in (ours, theirs))
        results.at_most(f"{backbone.title}: logits, from float64's", ours_away,
                        max(5e-4, 3 * theirs_away),
                        f"PyTorch's {theirs_away:.1e}, spread {spread:.2f}, {len(theirs)} pictures")
        if backbone.layer_norms:
            what = "layer scales of 1e-6, or no positions"
            for name, parameter in model.named_parameters():
                if name.endswith(networks.SCALES):
                    parameter.fill_(1e-6)
        else:
            what = "running statistics that did not drift"
            for norm in networks.norms_of(model).values():
                norm.reset_running_stats()
        away = np.abs(logits_of(model, images) - theirs).max() / logits.spread(theirs)
    results.at_least(f"  control: PyTorch with {what}", float(away), 0.1)


def compare_resized(results, backbone, program, folder, images):
    """Logits of a file whose position embeddings are of another grid than the network's."""
    model = build(backbone).eval()
    networks.vary(model)
    name, positions = next((n, p) for n, p in model.named_parameters()
                           if n.endswith(networks.POSITIONS))
    side = round((positions.shape[1] - 1) ** 0.5)
    of_file = torch.empty(1, 1 + backbone.grid ** 2, positions.shape[2]).uniform_(1, 4)
    _, file = run(program, backbone.name, folder, {**model.state_dict(), name: of_file}, images)
    ours = np.fromfile(file, dtype=np.float32).reshape(len(images), -1)

    def logits_with(antialias, dtype):
        with torch.no_grad():
            positions.copy_(networks.resize_positions(of_file.to(dtype), side, antialias))
            return copy.deepcopy(model).to(dtype)(images.to(dtype)).numpy()

    exact, theirs = logits_with(True, torch.double), logits_with(True, torch.float)
    spread = logits.spread(exact)
    ours_away, theirs_away = (float(np.abs(some - exact).max()) / spread for some in (ours, theirs))
    results.at_most(f"{backbone.title}: logits, positions from {backbone.grid}x{backbone.grid} to "
                    f"{side}x{side}, from float64's", ours_away, max(5e-4, 3 * theirs_away),
                    f"PyTorch's {theirs_away:.1e}, {len(theirs)} pictures")
    away = np.abs(logits_with(False, torch.float) - theirs).max() / spread
    results.at_least("  control: PyTorch with positions resized without antialiasing", float(away), 0.1)


def compare_step(results, backbone, program, folder, what, trains, images, labels):
    model = maker(backbone)(num_classes=10, **backbone.options)
    if backbone.name == "vgg16_bn":  # its own classifier requires images of 224x224
        model.avgpool = nn.AdaptiveAvgPool2d(1)
        model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(512, 10))
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # only PyTorch can draw its masks
    prepare(model, backbone, images)
    x, y = images[:1], labels[:1]
    case = compare_training.Case(what, f"{backbone.title}, {what}", trains, steps=1,
                                 bound=backbone.bound, floor=1e-3)
    before = compare_training.numpy_state(model)
    text, file = run(program, f"{backbone.name} {what}", folder, model.state_dict(), x[0], y[0])
    ours = np.array(text.split(), dtype=np.float64), {
        key: array.astype(np.float64) if array.dtype == np.float32 else array
        for key, array in safetensors_file.read(file).items()}
    theirs = compare_training.train_theirs(model, case, x, y)
    exact = compare_training.train_theirs(copy.deepcopy(model).double(), case, x, y)
    compare_training.compare(results, case, before, ours, theirs, exact)
    kind = nn.LayerNorm if backbone.layer_norms else nn.BatchNorm2d
    for norm in networks.norms_of(model, kind).values():
        norm.eps = 1e-1 if backbone.layer_norms else 1e-2
    _, other = compare_training.train_theirs(model, case, x, y)
    keys = [key for key in before if not np.array_equal(before[key], theirs[1][key])
            and "tracked" not in key]
    away, _ = compare_training.largest(
        compare_training.update_differences(other, theirs[1], before, keys, case.floor))
    results.at_least("  control: PyTorch with another eps", away, 5 * case.bound)


def main(program, folder, table=None, *chosen):
    results = figures.Figures(table)
    seed = int(os.environ.get("FROSTLINE_SEED", 0))
    print(f"backbones: FROSTLINE_SEED={seed}")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pictures.batches(3, 4, seed)
    torch.manual_seed(seed)
    for backbone in BACKBONES:
        if chosen and backbone.name not in chosen:
            continue
        compare_logits(results, backbone, program, folder, images[0], images[1:2])
        if backbone.grid:
            compare_resized(results, backbone, program, folder, images[0])
        small = images[..., 80:80 + backbone.side, 80:80 + backbone.side]
        if backbone.last:
            compare_step(results, backbone, program, folder, "last", backbone.last, small, labels)
        if backbone.trains:
            compare_step(results, backbone, program, folder, "everything", ("",), small, labels)
    return results.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
