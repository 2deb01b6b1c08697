#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/efficientnet_lite.safetensors: EfficientNet-Lite0's results by PyTorch.

The weights, the statistics and the images are hashes of their key and place, so that only results
are stored: tests/unit/models/efficientnet_lite.cpp makes the same. PyTorch computes in float64.
    64x64, ...                   logits of a frozen network
    everything.loss, last.loss   of a training step without dropout and stochastic depth, where
                                 everything trains, or the last block and what follows
    everything.KEY, ...          of each gradient, and of each running statistic after the step:
                                 the L2 norm, and the sum of products with hashes
Usage: /usr/bin/python3 tests/golden/make_efficientnet_lite.py FOLDER
    FOLDER  holds the unpacked package: pip install --no-deps --target FOLDER efficientnet_lite_pytorch
"""

import math
import pathlib
import sys

import numpy as np
import safetensors_file
import torch

CLASSES = 10
SIZES = ((2, 64, 64), (1, 75, 58), (1, 224, 224))  # images, height, width
TRAINING = (6, 96, 96)
LAST = ("_blocks.15.", "_conv_head.", "_bn1.", "_fc.")


def hashed(key, count):
    """Numbers between -1 and 1 that float32 holds exactly."""
    seed = 0xcbf29ce484222325  # FNV-1a
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001b3 % 2**64
    x = np.arange(count, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15) + np.uint64(seed)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def values(key, shape):
    """A tensor's numbers: a convolution keeps the variance of what it reads."""
    numbers = hashed(key, math.prod(shape)).reshape(shape)
    if "running_var" in key or (len(shape) == 1 and key.endswith("weight")):
        numbers = 1.5 + numbers / 2
    elif len(shape) == 1:
        numbers = numbers / 2
    else:
        numbers = numbers * (2 / math.sqrt(math.prod(shape[1:])))
    return torch.from_numpy(numbers.astype(np.float32))


def images_of(shape):
    numbers = hashed(f"{shape[1]}x{shape[2]}", math.prod(shape) * 3)
    return torch.from_numpy(numbers.reshape(shape[0], 3, *shape[1:]))


def make_model(dtype):
    from efficientnet_lite_pytorch import EfficientNet
    model = EfficientNet.from_name("efficientnet-lite0", num_classes=CLASSES, image_size=None,
                                   dropout_rate=0, drop_connect_rate=0)
    for key, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(values(key, tensor.shape))
    return model.to(dtype)


def summary(key, tensor):
    numbers = tensor.detach().double().numpy().ravel()
    return np.array([np.linalg.norm(numbers), numbers @ hashed(key, numbers.size)])


def step(trains, dtype):
    """The results of a training step; a module that does not train is in evaluation."""
    model = make_model(dtype).eval()
    for name, module in model.named_modules():
        module.training = (name + ".").startswith(trains)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(trains))
    logits = model(images_of(TRAINING).to(dtype))
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(TRAINING[0]) % CLASSES)
    loss.backward()
    results = {"loss": np.array([loss.item()])}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            results[name] = summary(name, parameter.grad)
    for name, buffer in model.named_buffers():
        if name.startswith(trains) and buffer.is_floating_point():
            results[name] = summary(name, buffer)
    return results


def noise(exact, rounded):
    """How far float32 is from float64: of the loss, and of a gradient, in units of its norm. The
    gradient of a bias is zero if a batch norm follows, so all gradients' norm counts too."""
    norm = np.linalg.norm([of[0] for key, of in exact.items() if "running" not in key])
    worst = max((float(abs(rounded[key] - of).max() / (abs(of[0]) + 0.005 * norm)), key)
                for key, of in exact.items() if key != "loss")
    loss = abs(rounded["loss"] / exact["loss"] - 1)[0]
    return f"{loss:.1e} in the loss, {worst[0]:.1e} in {worst[1]}"


def main(folder):
    sys.path.insert(0, folder)
    arrays = {}
    model = make_model(torch.double).eval()
    for shape in SIZES:
        with torch.no_grad():
            arrays[f"{shape[1]}x{shape[2]}"] = model(images_of(shape)).numpy()
    for case, trains in (("everything", ("",)), ("last", LAST)):
        exact, rounded = step(trains, torch.double), step(trains, torch.float)
        print(f"{case}: loss {exact['loss'][0]:.4f}; PyTorch's float32 differs by {noise(exact, rounded)}")
        arrays |= {f"{case}.{key}": value for key, value in exact.items()}
    path = pathlib.Path(__file__).parent / "efficientnet_lite.safetensors"
    safetensors_file.write(path, {key: value.astype(np.float32) for key, value in arrays.items()})
    print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
