#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/layers.safetensors: what PyTorch computes for single operations.

tests/unit/backend/golden_layers.cpp reads it and names the same cases. PyTorch computes in float64
from float32 inputs, so that the file is the same on every machine. The keys of a layer's case:
    case.input, case.output, case.output_gradient, case.input_gradient
    case.weight, case.weight_gradient, ...      its parameters
    case.running_mean, case.running_mean_after  its buffers, before and after a training forward
Usage: /usr/bin/python3 tests/golden/make_layers.py   (Debian: python3-torch, 1.13)
"""

import pathlib

import safetensors_file
import torch
from torch import nn

arrays = {}
random = torch.Generator().manual_seed(20)


def normal(*shape):
    """Normal numbers that float32 holds exactly, as float64."""
    return torch.randn(*shape, generator=random).double()


def store(key, tensor):
    tensor = tensor.detach()
    arrays[key] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()


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
layer("batch_norm2d.narrow", nn.BatchNorm2d(3), normal(4, 3, 3, 3) / 256)  # epsilon counts
layer("batch_norm2d.evaluation", nn.BatchNorm2d(3), normal(4, 3, 5, 4), training=False)

# Few different values, so that windows hold ties; the second channel is negative throughout, which
# tells padding with minus infinity from padding with zero.
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

path = pathlib.Path(__file__).parent / "layers.safetensors"
safetensors_file.write(path, arrays)
print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")
