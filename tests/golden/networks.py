# SPDX-License-Identifier: MIT
"""torchvision's networks for the comparisons, with weights as after some training."""

import torch
from torch import nn
from torch.nn import functional
from torchvision import models
from torchvision.models.segmentation.fcn import FCNHead


def norms_of(model, kinds=(nn.BatchNorm2d,)):
    found = {n: m for n, m in model.named_modules() if isinstance(m, kinds)}
    assert found
    return found


def scatter(model):
    """Gives batch norm parameters that differ from channel to channel."""
    for norm in norms_of(model).values():
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.2)


def keep_from_kinks(model):
    """As scatter, but in a way that five steps of training are not chaotic: any two ways to compute
    them in float32 then stay together.

    Where a ReLU's input is so near to 0 that rounding decides its sign, one such element of layer4
    moves a gradient by 2e-3 of itself, and PyTorch with float32 differs from PyTorch with float64
    by more than any bound here. So what ReLU sees is mostly 2 to 4 deviations from 0: a third of
    the channels of a block's inside is mostly off, the rest on, and what is added to a shortcut is
    mostly positive. Small features of layer4 keep the head stable at a learning rate of 1e-2.
    """
    for name, norm in norms_of(model).items():
        added = name.endswith("bn2") or "downsample" in name
        if added and name.startswith("layer4"):
            low = 0.03
        else:
            low = 0.1 if name.endswith("bn2") else 0.25
        nn.init.uniform_(norm.weight, low, 2 * low)
        with torch.no_grad():
            distance = torch.empty_like(norm.bias).uniform_(2.5, 3.5)
            on = torch.rand_like(distance) < (1 if added else 0.7)
            norm.bias.copy_(norm.weight * torch.where(on, distance, -distance))


def steady(model, sums=()):
    """keep_from_kinks for any network: what an activation sees is mostly 2.5 to 3.5 deviations from
    0. `sums`: the ends of the names of norms whose values are added to a shortcut before a ReLU;
    these are small, and mostly positive."""
    for name, norm in norms_of(model).items():
        added = name.endswith(tuple(sums))
        factor = 0.4 if added else 1.0
        nn.init.uniform_(norm.weight, factor * 0.25, factor * 0.5)
        with torch.no_grad():
            distance = torch.empty_like(norm.bias).uniform_(2.5, 3.5)
            on = torch.rand_like(distance) < (1 if added else 0.7)
            norm.bias.copy_(norm.weight * torch.where(on, distance, -distance))


POSITIONS = ("pos_embedding", "pos_embed")  # the ends of names of position embeddings
SCALES = ("layer_scale", "gamma", *POSITIONS)  # and of what begins near 0


def vary(model):
    """For a network whose norms are layer norms: these and the layer scales differ from channel to
    channel. The scales begin at 1e-6, with which no block would matter, a vision transformer's
    positions near 0, and its class token, its biases and its head at 0. GELU has no kinks."""
    for norm in norms_of(model, nn.LayerNorm).values():
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.5)
    scales = [p for n, p in model.named_parameters() if n.endswith(SCALES)]
    assert scales
    for scale in scales:
        nn.init.uniform_(scale, 1, 4)
    parameters = dict(model.named_parameters())
    if token := parameters.keys() & {"class_token", "cls_token"}:
        norms = tuple(norms_of(model, nn.LayerNorm))
        for name, parameter in parameters.items():
            if name.endswith("bias") and not name.startswith(norms):
                nn.init.normal_(parameter, 0, 0.2)
        nn.init.normal_(parameters[token.pop()])
        nn.init.normal_(next(p for n, p in parameters.items() if n.endswith("head.weight")), 0, 0.05)


def drift(model, batches, from_initial=True):
    """Moves running statistics with pictures (or features), and then scatters them. Unless
    `from_initial`, they are moved to the batches' mean: in a deep network, where a part of the
    initial ones stays, a signal fades from norm to norm until only rounding is left."""
    norms = norms_of(model).values()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.5 if from_initial else None  # None: the mean of all batches
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn(norm.num_features)
            norm.running_var *= torch.exp(0.2 * torch.randn(norm.num_features))


def resize_positions(positions, side, antialias=True):
    """Embeddings of a class token and of a grid for a grid of side x side: what timm's
    resample_abs_pos_embed does by default. Shapes: (1, 1 + n * n, D) to (1, 1 + side * side, D)."""
    token, grid = positions[:, :1], positions[:, 1:]
    old = round(grid.shape[1] ** 0.5)
    grid = grid.transpose(1, 2).reshape(1, -1, old, old)
    grid = functional.interpolate(grid, size=(side, side), mode="bicubic", antialias=antialias)
    return torch.cat([token, grid.flatten(2).transpose(1, 2)], dim=1)


class TimmAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q / q.shape[-1] ** 0.5 @ k.transpose(2, 3), dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, tokens, width))


class TimmMlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x)))


class TimmLayerScale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x):
        return x * self.gamma


class TimmBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = TimmAttention(width, heads)
        self.ls1 = TimmLayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = TimmMlp(width)
        self.ls2 = TimmLayerScale(width)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class TimmPatches(nn.Module):
    def __init__(self, width, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class ViTS14(nn.Module):
    """ViT-S/14 of DINOv2 without registers, with the keys of timm's vit_small_patch14_dinov2 and its
    head for num_classes above 0. Debian has no timm; this gives the logits of timm 0.9.16."""

    def __init__(self, num_classes=1000, image_size=224, width=384, patch=14):
        super().__init__()
        self.patch_embed = TimmPatches(width, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (image_size // patch) ** 2, width))
        self.blocks = nn.Sequential(*(TimmBlock(width, width // 64) for _ in range(12)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class Fcn(models.ResNet):
    """ResNet-18 with torchvision's FCNHead and the upsampling of its segmentation models; dropout
    drops nothing, since only PyTorch can draw its masks."""

    def __init__(self, classes, auxiliary=False):
        super().__init__(models.resnet.BasicBlock, [2, 2, 2, 2])
        del self.fc
        self.classifier = FCNHead(512, classes)
        self.classifier[3].p = 0.0
        if auxiliary:
            self.aux_classifier = FCNHead(256, classes)
            self.aux_classifier[3].p = 0.0

    def forward(self, x):
        """The output; in training, also the auxiliary classifier's, if there is one."""
        def upsampled(y):
            return functional.interpolate(y, size=x.shape[-2:], mode="bilinear",
                                          align_corners=False)
        y = self.layer3(self.layer2(self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))))
        output = upsampled(self.classifier(self.layer4(y)))
        if not hasattr(self, "aux_classifier"):
            return output
        return output, upsampled(self.aux_classifier(y))


class NarrowResNet18(models.ResNet):
    """torchvision's ResNet-18 with `width` channels instead of 64."""

    def __init__(self, width, classes):
        super().__init__(models.resnet.BasicBlock, [2, 2, 2, 2])
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for i in range(4):
            stage = self._make_layer(models.resnet.BasicBlock, width << i, 2, 1 + (i > 0))
            setattr(self, f"layer{i + 1}", stage)
        self.fc = nn.Linear(8 * width, classes)
