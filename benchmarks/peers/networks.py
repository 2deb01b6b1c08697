# SPDX-License-Identifier: MIT
"""The networks that are compared, without torchvision, each with a linear head `fc`.

The keys are torchvision's, and for EfficientNet-Lite those of PyPI's efficientnet-lite-pytorch.
"""

import torch
from torch import nn
from torch.nn import functional


def convolution(inputs, outputs, kernel, stride=1, groups=1):
    padding = kernel // 2
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


class Network(nn.Module):
    """Shapes: (N, 3, H, W) to (N, classes). `stages` gives the layers up to the features."""

    def stages(self):
        """The layers before the last stage, and those from it to the features."""
        raise NotImplementedError

    def forward(self, x):
        for layers in self.stages():
            for layer in layers:
                x = layer(x)
        return self.fc(x)

    def split(self, row):
        """The frozen prefix and the trainable rest of a row; either may be None."""
        before, last = self.stages()
        if row == "inference":
            return nn.Sequential(*before, *last, self.fc), None
        if row in ("head", "epochs"):
            return nn.Sequential(*before, *last), self.fc
        if row == "layer4":
            return nn.Sequential(*before), nn.Sequential(*last, self.fc)
        assert row == "all", row
        return None, self


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, channels, 3, stride), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution(channels, channels, 3), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inputs, channels, stride)

    def forward(self, x):
        added = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + added)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, channels, stride):
        super().__init__()
        outputs = 4 * channels
        self.conv1, self.bn1 = convolution(inputs, channels, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution(channels, channels, 3, stride), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = convolution(channels, outputs, 1), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x):
        added = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(self.bn3(self.conv3(y)) + added)


def shortcut(inputs, outputs, stride):
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class ResNet(Network):
    def __init__(self, block, counts, classes):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, 64, 7, 2), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for i, count in enumerate(counts):
            blocks = []
            for k in range(count):
                blocks.append(block(inputs, 64 << i, 2 if i > 0 and k == 0 else 1))
                inputs = block.expansion * (64 << i)
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, classes)

    def stages(self):
        stem = [self.conv1, self.bn1, self.relu, self.maxpool]
        before = [*stem, self.layer1, self.layer2, self.layer3]
        return before, [self.layer4, self.avgpool, nn.Flatten(1)]


def conv_norm_activation(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Sequential(
        convolution(inputs, outputs, kernel, stride, groups),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        inner = expansion * inputs
        layers = [conv_norm_activation(inputs, inner, 1)] if expansion != 1 else []
        layers.append(conv_norm_activation(inner, inner, 3, stride, inner))
        self.conv = nn.Sequential(*layers, convolution(inner, outputs, 1), nn.BatchNorm2d(outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(Network):
    def __init__(self, classes):
        super().__init__()
        layers, inputs = [conv_norm_activation(3, 32, 3, 2)], 32
        for expansion, outputs, count, stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ):
            for k in range(count):
                layers.append(
                    InvertedResidual(inputs, outputs, stride if k == 0 else 1, expansion)
                )
                inputs = outputs
        self.features = nn.Sequential(*layers, conv_norm_activation(inputs, 1280, 1))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(1280, classes)

    def stages(self):
        return self.features[:14], [*self.features[14:], self.avgpool, nn.Flatten(1)]


class SameConvolution(nn.Conv2d):
    """A convolution with TensorFlow's padding: with stride 2 on even sizes it is not symmetric."""

    def __init__(self, inputs, outputs, kernel, stride, groups=1):
        before = (kernel - 2) // 2  # with stride 2
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.pad = nn.Identity() if stride == 1 else nn.ZeroPad2d((before, kernel - 2 - before) * 2)

    def forward(self, x):
        return super().forward(self.pad(x))


def lite_norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConvBlock(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expansion):
        super().__init__()
        inner = expansion * inputs
        self._swish = nn.ReLU6(inplace=True)
        self._expand_conv = None
        if expansion != 1:
            self._expand_conv, self._bn0 = convolution(inputs, inner, 1), lite_norm(inner)
        self._depthwise_conv = SameConvolution(inner, inner, kernel, stride, inner)
        self._bn1 = lite_norm(inner)
        self._project_conv, self._bn2 = convolution(inner, outputs, 1), lite_norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        y = x
        if self._expand_conv is not None:
            y = self._swish(self._bn0(self._expand_conv(y)))
        y = self._swish(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(Network):
    def __init__(self, classes):
        super().__init__()
        self._conv_stem, self._bn0 = SameConvolution(3, 32, 3, 2), lite_norm(32)
        self._swish = nn.ReLU6(inplace=True)
        blocks, inputs = [], 32
        for count, kernel, stride, expansion, outputs in (
            (1, 3, 1, 1, 16),
            (2, 3, 2, 6, 24),
            (2, 5, 2, 6, 40),
            (3, 3, 2, 6, 80),
            (3, 5, 1, 6, 112),
            (4, 5, 2, 6, 192),
            (1, 3, 1, 6, 320),
        ):
            for k in range(count):
                blocks.append(
                    MBConvBlock(inputs, outputs, kernel, stride if k == 0 else 1, expansion)
                )
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = convolution(inputs, 1280, 1), lite_norm(1280)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(1280, classes)

    def stages(self):
        before = [self._conv_stem, self._bn0, self._swish, *self._blocks[:11]]
        end = [self._conv_head, self._bn1, self._swish, self.avgpool, nn.Flatten(1)]
        return before, [*self._blocks[11:], *end]


class Attention(nn.Module):
    """nn.MultiheadAttention of a sequence with itself, and its keys."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x):
        n, tokens, width = x.shape
        qkv = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (
            part.reshape(n, tokens, self.heads, width // self.heads).transpose(1, 2)
            for part in qkv.chunk(3, dim=2)
        )
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.out_proj(y.transpose(1, 2).reshape(n, tokens, width))


class EncoderBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.self_attention = Attention(width, heads)
        linear = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp = nn.Sequential(linear[0], nn.GELU(), nn.Identity(), linear[1])

    def forward(self, x):
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    def __init__(self, width, heads, blocks, tokens):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, width).normal_(std=0.02))
        self.layers = nn.Sequential()
        for i in range(blocks):
            self.layers.add_module(f"encoder_layer_{i}", EncoderBlock(width, heads))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        return self.ln(self.layers(x + self.pos_embedding))


class ViTB16(Network):
    def __init__(self, classes):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, 768, 16, 16)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
        self.encoder, self.fc = Encoder(768, 12, 12, 1 + 14 * 14), nn.Linear(768, classes)

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        return self.fc(self.encoder(x)[:, 0])

    def split(self, row):
        assert row == "inference", row
        return self, None


NETWORKS = {
    "resnet18": lambda classes: ResNet(BasicBlock, (2, 2, 2, 2), classes),
    "resnet50": lambda classes: ResNet(Bottleneck, (3, 4, 6, 3), classes),
    "mobilenet_v2": MobileNetV2,
    "efficientnet_lite0": EfficientNetLite0,
    "vit_b_16": ViTB16,
}
