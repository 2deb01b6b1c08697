# SPDX-License-Identifier: MIT
"""torchvision's networks as the comparisons use them, with weights that training has touched."""

import torch
from torch import nn
from torch.nn import functional
from torchvision import models
from torchvision.models.segmentation.fcn import FCNHead


def drift(model, images):
    """Scatters the parameters of batch norm, moves its running statistics with pictures, and then
    scatters those too. Shapes: images (steps, batch, C, H, W)."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.2)
            norm.momentum = 0.5
        model.train()
        for batch in images:
            model(batch)
        for norm in norms:
            norm.momentum = 0.1
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn(norm.num_features)
            norm.running_var *= torch.exp(0.2 * torch.randn(norm.num_features))
    return model


def resnet18(classes, images, seed):
    """torchvision's ResNet-18 with random weights and drifted statistics."""
    torch.manual_seed(seed)
    return drift(models.resnet18(num_classes=classes), images)


class Fcn(models.ResNet):
    """ResNet-18 with torchvision's FCNHead and the upsampling of its segmentation models; dropout
    drops nothing, since nobody else can draw PyTorch's masks."""

    def __init__(self, classes):
        super().__init__(models.resnet.BasicBlock, [2, 2, 2, 2])
        del self.fc
        self.classifier = FCNHead(512, classes)
        self.classifier[3].p = 0.0

    def features(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, x):
        y = self.classifier(self.features(x))
        return functional.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class NarrowResNet18(models.ResNet):
    """torchvision's ResNet-18, `width` instead of 64 channels wide."""

    def __init__(self, width, classes):
        super().__init__(models.resnet.BasicBlock, [2, 2, 2, 2])
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for i in range(4):
            stage = self._make_layer(models.resnet.BasicBlock, width << i, 2, 1 + (i > 0))
            setattr(self, f"layer{i + 1}", stage)
        self.fc = nn.Linear(8 * width, classes)
