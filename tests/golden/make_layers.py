#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/layers.safetensors: PyTorch's results of single operations.

tests/unit/backend/golden_layers.cpp reads it and names the same cases. PyTorch computes in float64
from float32 inputs, so that the file is the same on every machine. The keys of a layer's case:
    case.input, case.output, case.output_gradient, case.input_gradient
    case.weight, case.weight_gradient, ...      its parameters
    case.running_mean, case.running_mean_after  its buffers, before and after a training forward
    case.second_input, case.second_input_gradient  of a layer that joins two values
Special values (NaN, infinities, -0, a denormal number, the largest float) take the place of
one number, one after another. PyTorch computes these cases in float32, since the type decides what
overflows, and without oneDNN, which leaves out padding instead of multiplying it. The keys, besides
those of what is not special:
    case.input/output, case.weight/input_gradient, ...   a result for each value in input, weight, ...
                                                where it depends on it
Float32 results depend on the machine: another's differ in the last bit. Keep the stored ones where
nothing about their case has changed.
Usage: /usr/bin/python3 tests/golden/make_layers.py   (Debian: python3-torch, 1.13)
"""

import pathlib
from collections import OrderedDict

import networks
import safetensors_file
import torch
from torch import nn
from torch.nn import functional

arrays = {}
random = torch.Generator().manual_seed(20)


def normal(*shape):
    """Normal numbers that float32 holds exactly, as float64."""
    return torch.randn(*shape, generator=random).double()


def store(key, tensor):
    tensor = tensor.detach()
    arrays[key] = (tensor.float() if tensor.is_floating_point() else tensor).numpy().copy()


def layer(case, module, x, training=True):
    """One forward and backward of a module whose parameters are random."""
    module.double().train(training)
    for name, parameter in module.named_parameters():
        parameter.data = normal(*parameter.shape)
        store(f"{case}.{name}", parameter)
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            change = normal(*buffer.shape) / 4
            buffer.copy_((buffer + change).abs().float())
            store(f"{case}.{name}", buffer)
    x.requires_grad_()
    y = module(x)
    dy = normal(*y.shape)
    y.backward(dy)
    store(f"{case}.input", x)
    store(f"{case}.output", y)
    store(f"{case}.output_gradient", dy)
    store(f"{case}.input_gradient", x.grad)
    if training:
        for name, parameter in module.named_parameters():
            store(f"{case}.{name}_gradient", parameter.grad)
        for name, buffer in module.named_buffers():
            store(f"{case}.{name}_after", buffer)


def scale(case, x, gate):
    """Channels times their gates."""
    x.requires_grad_()
    gate.requires_grad_()
    y = x * gate
    dy = normal(*y.shape)
    y.backward(dy)
    store(f"{case}.input", x)
    store(f"{case}.second_input", gate)
    store(f"{case}.output", y)
    store(f"{case}.output_gradient", dy)
    store(f"{case}.input_gradient", x.grad)
    store(f"{case}.second_input_gradient", gate.grad)


class SqueezeExcitation(nn.Module):
    """torchvision.ops.SqueezeExcitation, which PyTorch's package does not bring."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = nn.Sigmoid()

    def forward(self, x):
        gate = self.activation(self.fc1(self.avgpool(x)))
        return self.scale_activation(self.fc2(gate)) * x


class LayerNorm2d(nn.LayerNorm):
    """torchvision's, over the channels of each pixel."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PointwiseLinear(nn.Linear):
    """A linear layer over the channels of each pixel, as in torchvision's CNBlock."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LayerScale(nn.Module):
    """The factors of torchvision's CNBlock."""

    def __init__(self, channels):
        super().__init__()
        self.layer_scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return self.layer_scale * x


class ClassToken(nn.Module):
    """torchvision's class token before the patches of an image, as an image of one row."""

    def __init__(self, channels):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x):
        n, channels = x.shape[:2]
        tokens = x.reshape(n, channels, -1).permute(0, 2, 1)
        tokens = torch.cat([self.class_token.expand(n, -1, -1), tokens], dim=1)
        return tokens.permute(0, 2, 1).unsqueeze(2)


class PositionEmbedding(nn.Module):
    """That of torchvision's Encoder."""

    def __init__(self, channels, tokens):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, tokens, channels))

    def forward(self, x):
        return x + self.pos_embedding.permute(0, 2, 1).unsqueeze(2)


class FirstToken(nn.Module):
    """torchvision's x[:, 0], of an image of one row."""

    def forward(self, x):
        return x[:, :, :, :1]


class Attention(nn.Module):
    """functional.scaled_dot_product_attention, which PyTorch 1.13 lacks, of queries, keys and
    values in the order of nn.MultiheadAttention's in_proj."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads

    def forward(self, x):
        n, channels, _, tokens = x.shape
        q, k, v = (part.reshape(n, self.heads, -1, tokens).transpose(2, 3)
                   for part in x.chunk(3, dim=1))
        weights = torch.softmax(q / q.shape[-1] ** 0.5 @ k.transpose(2, 3), dim=-1)
        return (weights @ v).transpose(2, 3).reshape(n, channels // 3, 1, tokens)


def network(case, model, images, classes, steps=5):
    """Logits, the gradients of the first step of descent, and losses and parameters of all steps."""
    model.double().train()
    for name, parameter in model.named_parameters():
        parameter.data = normal(*parameter.shape) / 2
        store(f"{case}.{name}", parameter)
    targets = labels(classes, len(images))
    store(f"{case}.images", images)
    store(f"{case}.labels", targets)
    store(f"{case}.logits", model(images))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), targets)
        loss.backward()
        losses.append(loss.detach())
        for name, parameter in model.named_parameters():
            if step == 0:
                store(f"{case}.{name}_gradient", parameter.grad)
        optimizer.step()
    store(f"{case}.losses", torch.stack(losses))
    for name, parameter in model.named_parameters():
        store(f"{case}.{name}_after", parameter)


SPECIAL = [float("nan"), float("inf"), float("-inf"), -0.0, 1e-42, torch.finfo(torch.float32).max]


def special(tensor):
    """Copies of a tensor with each special value in its middle."""
    for value in SPECIAL:
        copy = tensor.clone()
        copy.view(-1)[copy.numel() // 2] = value
        yield copy


def special_layer(case, module, shape, training=True):
    """A forward and backward for each special value in each tensor that the module reads."""
    case = f"special.{case}"
    module.float().train(training)
    tensors = {"input": normal(*shape).float()}
    for name, parameter in module.named_parameters():
        tensors[name] = normal(*parameter.shape).float() / 2
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            tensors[name] = (buffer + normal(*buffer.shape).float() / 4).abs()
    tensors["output_gradient"] = normal(*module(tensors["input"]).shape).float()
    for name, tensor in tensors.items():
        store(f"{case}.{name}", tensor)
    for place in tensors:
        results = {}
        for changed in special(tensors[place]):
            now = {**tensors, place: changed}
            for name, own in [*module.named_parameters(), *module.named_buffers()]:
                own.data = now.get(name, torch.tensor(0)).clone()
                own.grad = None
            x = now["input"].clone().requires_grad_()
            y = module(x)
            y.backward(now["output_gradient"])
            found = {"output": y, "input_gradient": x.grad}
            for name, parameter in module.named_parameters():
                found[f"{name}_gradient"] = parameter.grad
            for name, buffer in module.named_buffers():
                if buffer.is_floating_point():
                    found[f"{name}_after"] = buffer
            for name, result in found.items():
                if training or name in ("output", "input_gradient"):
                    results.setdefault(name, []).append(result.detach().clone())
        for name, rows in results.items():
            if not all(row.equal(rows[-1]) for row in rows):
                store(f"{case}.{place}/{name}", torch.stack(rows))


def special_cross_entropy(case, label, **options):
    """Three positions; in the second, which has this label, class 2 has the special value."""
    case = f"special.cross_entropy.{case}"
    all_logits, losses = torch.stack(list(special(normal(3, 5)))).requires_grad_(), []
    for logits in all_logits:
        losses.append(nn.CrossEntropyLoss(**options)(logits, torch.tensor([0, label, 4])))
    torch.stack(losses).sum().backward()
    store(f"{case}.logits", all_logits)
    store(f"{case}.loss", torch.stack(losses))
    store(f"{case}.gradient", all_logits.grad)


def special_optimizer(name, optimizer_class, case, **options):
    """Two steps with all pairs of these parameters and gradients."""
    values = torch.tensor([*SPECIAL, 0.5])
    p = nn.Parameter(values.repeat(7))
    optimizer = optimizer_class([p], lr=0.1, **options)
    after = []
    store(f"special.{name}.{case}.parameters", p)
    for gradient in (values.repeat_interleave(7), torch.full((49,), -0.25)):
        p.grad = gradient
        optimizer.step()
        after.append(p.detach().clone())
    store(f"special.{name}.{case}.after", torch.stack(after))


def cross_entropy(case, logits, labels, **options):
    logits.requires_grad_()
    loss = nn.CrossEntropyLoss(**options)(logits, labels)
    loss.backward()
    store(f"{case}.logits", logits)
    store(f"{case}.labels", labels)
    store(f"{case}.loss", loss.reshape(1))
    store(f"{case}.gradient", logits.grad)


def sgd(case, **options):
    """Four steps; the parameters after each."""
    p = nn.Parameter(normal(37))
    optimizer = torch.optim.SGD([p], **options)
    gradients, after = normal(4, 37), []
    store(f"{case}.parameters", p)
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
        after.append(p.detach().clone())
    store(f"{case}.gradients", gradients)
    store(f"{case}.after", torch.stack(after))


def adamw(case, **options):
    """Six steps; the parameters after each, and the states after the last."""
    p = nn.Parameter(normal(37))
    optimizer = torch.optim.AdamW([p], **options)
    gradients, after = normal(6, 37), []
    gradients[:, :4] *= torch.tensor([0, 1e-6, 1e-9, 1e6])  # epsilon matters, or does not
    gradients = gradients.float().double()
    store(f"{case}.parameters", p)
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
        after.append(p.detach().clone())
    store(f"{case}.gradients", gradients)
    store(f"{case}.after", torch.stack(after))
    for state in ("exp_avg", "exp_avg_sq"):
        store(f"{case}.{state}", optimizer.state[p][state])


def clip_norm(case, max_norm):
    """The gradients of three tensors as one span, before and after."""
    tensors = [nn.Parameter(normal(*shape)) for shape in ((5, 7), (11,), (2, 3, 2))]
    for tensor in tensors:
        tensor.grad = normal(*tensor.shape)
    store(f"{case}.gradients", torch.cat([tensor.grad.flatten() for tensor in tensors]))
    norm = nn.utils.clip_grad_norm_(tensors, max_norm)
    store(f"{case}.norm", norm.reshape(1))
    store(f"{case}.after", torch.cat([tensor.grad.flatten() for tensor in tensors]))


class SameConv2d(nn.Conv2d):
    """TensorFlow's SAME: zeros around an image so that a stride s leaves ceil(size / s)."""

    def forward(self, x):
        pads = []  # the last axis first, as F.pad wants them
        for axis in (1, 0):
            size, stride = x.shape[2 + axis], self.stride[axis]
            reach = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            zeros = max((-(-size // stride) - 1) * stride + reach - size, 0)
            pads += [zeros // 2, zeros - zeros // 2]
        return functional.conv2d(functional.pad(x, pads), self.weight, self.bias, self.stride, 0,
                                 self.dilation, self.groups)


def labels(classes, *shape):
    return torch.randint(classes, shape, generator=random)


# The arguments of Conv2d here: in, out, kernel, stride, padding, dilation, groups, bias.
layer("conv2d.plain", nn.Conv2d(8, 8, 3, 1, 1), normal(2, 8, 9, 10))
layer("conv2d.stem", nn.Conv2d(3, 5, 7, 2, 3, 1, 1, False), normal(2, 3, 11, 9))
layer("conv2d.strided", nn.Conv2d(4, 6, 3, 2, 1, 1, 1, False), normal(2, 4, 8, 7))
layer("conv2d.shortcut", nn.Conv2d(4, 6, 1, 2, 0, 1, 1, False), normal(2, 4, 5, 6))
layer("conv2d.dilated", nn.Conv2d(2, 3, 3, 1, 2, 2), normal(2, 2, 6, 5))
layer("conv2d.grouped", nn.Conv2d(6, 4, 3, 2, 1, 1, 2), normal(2, 6, 7, 6))
layer("conv2d.depthwise", nn.Conv2d(4, 4, 3, 1, 1, 1, 4, False), normal(2, 4, 4, 5))
layer("conv2d.everything", nn.Conv2d(4, 6, 3, 2, 3, 2, 2), normal(2, 4, 9, 8))

layer("batch_norm2d.training", nn.BatchNorm2d(3), 2 * normal(4, 3, 5, 4) + 3)
layer("batch_norm2d.one_pixel", nn.BatchNorm2d(5), normal(7, 5, 1, 1) - 1)
layer("batch_norm2d.narrow", nn.BatchNorm2d(3), normal(4, 3, 3, 3) / 256)  # epsilon matters
layer("batch_norm2d.evaluation", nn.BatchNorm2d(3), normal(4, 3, 5, 4), training=False)

# Few different values, so that windows have ties; the second channel is negative throughout, which
# distinguishes padding with minus infinity from padding with zero.
tied = torch.randint(-1, 2, (2, 3, 9, 8), generator=random).double()
tied[:, 1] -= 2
layer("max_pool2d.stem", nn.MaxPool2d(3, 2, 1), tied.clone())
layer("max_pool2d.halves", nn.MaxPool2d(2), tied[:, :, :7, :5].clone())
not_a_number = normal(1, 1, 6, 6)
not_a_number[0, 0, 2, 1:3] = float("nan")
layer("max_pool2d.not_a_number", nn.MaxPool2d(3, 2, 1), not_a_number)

bilinear = dict(mode="bilinear", align_corners=False)
layer("upsample.up", nn.Upsample((7, 11), **bilinear), normal(2, 2, 3, 4))
layer("upsample.down", nn.Upsample((2, 3), **bilinear), normal(2, 2, 5, 7))
layer("upsample.to_input", nn.Upsample((32, 24), **bilinear), normal(1, 2, 4, 3))

layer("linear.plain", nn.Linear(13, 7), normal(5, 13))
layer("global_average_pool.plain", nn.AdaptiveAvgPool2d(1), normal(3, 5, 3, 4))

cross_entropy("cross_entropy.plain", 3 * normal(6, 7), labels(7, 6))
cross_entropy("cross_entropy.large", 300 * normal(4, 5), labels(5, 4))
cross_entropy("cross_entropy.smoothed", 3 * normal(6, 7), labels(7, 6), label_smoothing=0.1)
some = labels(7, 6)
some[[1, 4]] = -100
cross_entropy("cross_entropy.ignored", normal(6, 7), some)
cross_entropy("cross_entropy.smoothed_ignored", normal(6, 7), some, label_smoothing=0.1)
some = labels(4, 2, 3, 5)
some[0, 1], some[1, 2, 3:] = 255, 255
cross_entropy("cross_entropy.dense", normal(2, 4, 3, 5), some, ignore_index=255)
cross_entropy("cross_entropy.dense_smoothed", normal(2, 4, 3, 5), some, ignore_index=255,
              label_smoothing=0.1)

sgd("sgd.plain", lr=0.1)
sgd("sgd.momentum", lr=0.1, momentum=0.9)
sgd("sgd.nesterov", lr=0.1, momentum=0.9, nesterov=True)
sgd("sgd.weight_decay", lr=0.1, weight_decay=0.05)
sgd("sgd.everything", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)

torch.backends.mkldnn.enabled = False
special_layer("conv2d.same", nn.Conv2d(2, 3, 3, 1, 1), (1, 2, 8, 8))
special_layer("conv2d.strided", nn.Conv2d(2, 3, 3, 2, 1), (1, 2, 8, 8))
special_layer("conv2d.shortcut", nn.Conv2d(3, 2, 1, 2, 0, 1, 1, False), (2, 3, 4, 4))
special_layer("conv2d.stem", nn.Conv2d(3, 2, 7, 2, 3, 1, 1, False), (1, 3, 9, 8))
special_layer("conv2d.grouped", nn.Conv2d(4, 2, 3, 1, 2, 2, 2), (1, 4, 5, 4))
special_layer("linear", nn.Linear(5, 4), (3, 5))
special_layer("batch_norm2d.training", nn.BatchNorm2d(3), (4, 3, 2, 3))
special_layer("batch_norm2d.evaluation", nn.BatchNorm2d(3), (2, 3, 2, 3), training=False)
special_layer("relu", nn.ReLU(), (2, 3, 3, 2))
special_layer("max_pool2d.stem", nn.MaxPool2d(3, 2, 1), (1, 2, 5, 6))
special_layer("max_pool2d.halves", nn.MaxPool2d(2), (2, 1, 4, 4))
special_layer("upsample", nn.Upsample((6, 8), **bilinear), (1, 2, 3, 4))
special_layer("global_average_pool", nn.AdaptiveAvgPool2d(1), (2, 3, 2, 3))
special_cross_entropy("label", 2)
special_cross_entropy("other", 3)
special_cross_entropy("smoothed_label", 2, label_smoothing=0.1)
special_cross_entropy("smoothed_other", 3, label_smoothing=0.1)
special_cross_entropy("ignored", 255, ignore_index=255)
special_cross_entropy("smoothed_ignored", 255, ignore_index=255, label_smoothing=0.1)
special_optimizer("sgd", torch.optim.SGD, "plain")
special_optimizer("sgd", torch.optim.SGD, "momentum", momentum=0.9)
special_optimizer("sgd", torch.optim.SGD, "nesterov", momentum=0.9, nesterov=True)
special_optimizer("sgd", torch.optim.SGD, "weight_decay", weight_decay=0.05)
special_optimizer("sgd", torch.optim.SGD, "everything", momentum=0.9, nesterov=True, weight_decay=0.05)

# Later cases come last, so that the random numbers of earlier ones stay the same.
special_optimizer("adamw", torch.optim.AdamW, "default")
special_optimizer("adamw", torch.optim.AdamW, "no_decay", weight_decay=0)
adamw("adamw.default")
adamw("adamw.no_decay", lr=0.05, weight_decay=0)
adamw("adamw.everything", lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.3)
adamw("adamw.no_means", lr=0.1, betas=(0.0, 0.0), weight_decay=0.1)
adamw("adamw.still", lr=0.0)
clip_norm("clip_norm.above", 1.0)
clip_norm("clip_norm.far_above", 1e-3)
clip_norm("clip_norm.below", 100.0)
torch.backends.mkldnn.enabled = True
layer("conv2d.same_even", SameConv2d(4, 6, 3, 2), normal(2, 4, 8, 10))
layer("conv2d.same_odd", SameConv2d(4, 6, 3, 2, bias=False), normal(2, 4, 7, 9))
layer("conv2d.same_mixed", SameConv2d(5, 18, 3, 2), normal(2, 5, 13, 14))
layer("conv2d.same_stem", SameConv2d(3, 5, 7, 2, bias=False), normal(2, 3, 12, 11))
layer("conv2d.same_depthwise", SameConv2d(4, 4, 5, 2, groups=4, bias=False), normal(2, 4, 8, 7))
layer("conv2d.same_dilated", SameConv2d(2, 3, 3, 3, dilation=2), normal(2, 2, 6, 8))
layer("conv2d.same_one", SameConv2d(4, 6, 1, 2), normal(2, 4, 5, 6))
layer("conv2d.same_stride_one", SameConv2d(4, 6, 3), normal(2, 4, 6, 7))
layer("sigmoid.plain", nn.Sigmoid(), 4 * normal(2, 18, 3, 5))
scale("scale.plain", normal(2, 18, 3, 5), normal(2, 18, 1, 1))
network("squeeze_excitation", nn.Sequential(OrderedDict(
    stem=SameConv2d(3, 20, 3, 2), se=SqueezeExcitation(20, 6), avgpool=nn.AdaptiveAvgPool2d(1),
    flatten=nn.Flatten(), fc=nn.Linear(20, 4))), normal(6, 3, 9, 10), 4)
torch.backends.mkldnn.enabled = False
special_layer("sigmoid", nn.Sigmoid(), (2, 3, 3, 2))
torch.backends.mkldnn.enabled = True
slow = dict(eps=0.5, momentum=0.01)
layer("batch_norm2d.slow", nn.BatchNorm2d(3, **slow), normal(4, 3, 5, 4))
layer("batch_norm2d.slow_evaluation", nn.BatchNorm2d(3, **slow), normal(4, 3, 5, 4), training=False)
layer("relu6.plain", nn.ReLU6(), 5 * normal(2, 18, 3, 5))
torch.backends.mkldnn.enabled = False
# With fewer than eight numbers, PyTorch passes the gradient of not-a-number on, as ReLU does; its
# vectorised loop sets it to zero.
special_layer("relu6", nn.ReLU6(), (1, 3, 2, 1))
torch.backends.mkldnn.enabled = True
layer("silu.plain", nn.SiLU(), 4 * normal(2, 18, 3, 5))
layer("hardswish.plain", nn.Hardswish(), 4 * normal(2, 18, 3, 5))
layer("hardsigmoid.plain", nn.Hardsigmoid(), 4 * normal(2, 18, 3, 5))
layer("avg_pool2d.halves", nn.AvgPool2d(2), normal(2, 18, 7, 5))
layer("avg_pool2d.padded", nn.AvgPool2d(3, 2, 1), normal(2, 3, 9, 8))
torch.backends.mkldnn.enabled = False
# 16 numbers: what the vectorised loops do.
special_layer("silu", nn.SiLU(), (1, 4, 2, 2))
special_layer("hardswish", nn.Hardswish(), (1, 4, 2, 2))
special_layer("hardsigmoid", nn.Hardsigmoid(), (1, 4, 2, 2))
special_layer("avg_pool2d", nn.AvgPool2d(2), (1, 1, 4, 4))
torch.backends.mkldnn.enabled = True
layer("gelu.plain", nn.GELU(), 4 * normal(2, 18, 3, 5))
layer("layer_norm2d.plain", LayerNorm2d(18, eps=1e-6), normal(2, 18, 3, 5))
layer("layer_norm2d.one_pixel", LayerNorm2d(5, eps=0.5), normal(3, 5, 1, 1))
layer("layer_scale.plain", LayerScale(18), normal(2, 18, 3, 5))
layer("pointwise_linear.plain", PointwiseLinear(5, 18), normal(2, 5, 3, 4))
layer("conv2d.depthwise_seven", nn.Conv2d(4, 4, 7, padding=3, groups=4), normal(2, 4, 9, 8))
torch.backends.mkldnn.enabled = False
special_layer("gelu", nn.GELU(), (1, 4, 2, 2))
special_layer("layer_norm2d", LayerNorm2d(3, eps=1e-6), (2, 3, 2, 2))
special_layer("layer_scale", LayerScale(3), (2, 3, 2, 2))
torch.backends.mkldnn.enabled = True
layer("class_token.plain", ClassToken(18), normal(2, 18, 3, 2))
layer("position_embedding.plain", PositionEmbedding(18, 5), normal(2, 18, 1, 5))
layer("first_token.plain", FirstToken(), normal(2, 18, 1, 5))
layer("attention.plain", Attention(2), 2 * normal(2, 60, 1, 19))
layer("attention.one_head", Attention(1), 2 * normal(1, 48, 1, 50))
torch.backends.mkldnn.enabled = False
special_layer("class_token", ClassToken(3), (2, 3, 2, 2))
special_layer("position_embedding", PositionEmbedding(3, 4), (2, 3, 1, 4))
special_layer("first_token", FirstToken(), (2, 3, 1, 4))
special_layer("attention", Attention(2), (2, 12, 1, 4))

# Position embeddings of a class token and a grid of places, as timm resizes them.
for old, new in ((5, 3), (3, 7), (16, 2), (1, 4)):
    positions = normal(1, 1 + old * old, 6)
    store(f"positions.{old}x{old}", positions)
    store(f"positions.{old}x{old} to {new}x{new}", networks.resize_positions(positions, new))

path = pathlib.Path(__file__).parent / "layers.safetensors"
safetensors_file.write(path, arrays)
print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")
