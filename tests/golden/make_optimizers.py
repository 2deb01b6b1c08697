#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/optimizers.safetensors: steps of PyTorch's optimizers.

tests/support/golden_cases.hpp and golden_training.hpp name the same cases. Lion is the reference below, as torch.optim
has none. PyTorch computes in float64 from float32 inputs, but for special values in float32 (see
make_layers.py). The keys:
    case.parameters, case.gradients, case.after     steps of 37 parameters; the parameters after each
    case.exp_avg, ...                               the states after the last step
    special.case.parameters, special.case.after     two steps of special values
    training.images, training.labels                ten batches of eight, as parts of three and five
    training.start/key, training.case/key           a network's parameters before, and after the last
    training.case.first/key                         after the first step
Usage: /usr/bin/python3 tests/golden/make_optimizers.py   (Debian: python3-torch, 1.13)
"""

import copy
import pathlib
from collections import OrderedDict

import safetensors_file
import torch
from torch import nn
from torch.nn import functional

arrays = {}
random = torch.Generator().manual_seed(22)


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023, https://arxiv.org/abs/2302.06675. The decay is a factor, as
    in AdamW, so that without it infinities stay."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))
        self.margin = float("inf")  # the least |c| over the root of its mean square

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                c = beta1 * m + (1 - beta1) * p.grad
                self.margin = min(self.margin, float(c.abs().min() / c.square().mean().sqrt()))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.where(c.isnan(), c, torch.sign(c)))
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)


OPTIMIZERS = dict(sgd=torch.optim.SGD, adam=torch.optim.Adam, adamw=torch.optim.AdamW,
                  rmsprop=torch.optim.RMSprop, lion=Lion)


def normal(*shape):
    """Normal numbers that float32 holds exactly, as float64."""
    return torch.randn(*shape, generator=random).double()


def store(key, tensor):
    tensor = tensor.detach()
    arrays[key] = (tensor.float() if tensor.is_floating_point() else tensor).numpy().copy()


def steps(case, **options):
    """Six steps; the parameters after each, and the states after the last."""
    p = nn.Parameter(normal(37))
    optimizer = OPTIMIZERS[case.split(".")[0]]([p], **options)
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
    for name, state in optimizer.state[p].items():
        if torch.is_tensor(state) and state.shape == p.shape:
            store(f"{case}.{name}", state)


SPECIAL = [float("nan"), float("inf"), float("-inf"), -0.0, 1e-42, torch.finfo(torch.float32).max]


def special(case, **options):
    """Two steps with all pairs of these parameters and gradients."""
    values = torch.tensor([*SPECIAL, 0.5])
    p = nn.Parameter(values.repeat(7))
    optimizer = OPTIMIZERS[case.split(".")[0]]([p], lr=0.1, **options)
    after = []
    store(f"special.{case}.parameters", p)
    for gradient in (values.repeat_interleave(7), torch.full((49,), -0.25)):
        p.grad = gradient
        optimizer.step()
        after.append(p.detach().clone())
    store(f"special.{case}.after", torch.stack(after))


def make_network():
    """A network whose gradients are never 0, which would have no sign."""
    head = nn.Sequential(OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
                                     fc=nn.Linear(6, 4)))
    network = nn.Sequential(nn.Conv2d(2, 5, 3, 1, 1), nn.SiLU(), nn.Conv2d(5, 6, 3, 2, 1),
                            nn.SiLU(), head).double()
    for parameter in network.parameters():
        parameter.data = (normal(*parameter.shape) / 2).float().double()
    return network


def train(case, start, images, labels, most, **options):
    """Ten steps, each of two parts of a batch, with clipped gradients."""
    network = copy.deepcopy(start)
    optimizer = OPTIMIZERS[case](network.parameters(), **options)
    norms = []
    for step, (batch, truth) in enumerate(zip(images, labels)):
        optimizer.zero_grad()
        for part in (slice(0, 3), slice(3, 8)):
            loss = functional.cross_entropy(network(batch[part]), truth[part], reduction="sum")
            (loss / len(batch)).backward()
        norms.append(nn.utils.clip_grad_norm_(network.parameters(), most))
        optimizer.step()
        if step in (0, len(images) - 1):
            for name, parameter in network.named_parameters():
                store(f"training.{case}{'.first' if step == 0 else ''}/{name}", parameter)
    norms = torch.stack(norms)
    assert (norms > most).any() and (norms < most).any(), norms
    return optimizer


steps("adam.default")
steps("adam.weight_decay", lr=0.05, weight_decay=0.2)
steps("adam.everything", lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.3)
steps("rmsprop.default")
steps("rmsprop.momentum", lr=0.02, momentum=0.9)
steps("rmsprop.weight_decay", lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.2)
steps("rmsprop.everything", lr=0.01, alpha=0.9, eps=0.0316, momentum=0.8, weight_decay=0.1)
steps("lion.default")
steps("lion.weight_decay", lr=0.01, weight_decay=0.5)
steps("lion.everything", lr=0.1, betas=(0.95, 0.98), weight_decay=0.3)
special("adam.default")
special("adam.weight_decay", weight_decay=0.1)
special("rmsprop.default")
special("rmsprop.everything", momentum=0.9, weight_decay=0.1)
special("lion.default")
special("lion.weight_decay", weight_decay=0.1)

# Float32 may have another sign where c is nearly 0.
for _ in range(50):
    network = make_network()
    images, labels = normal(10, 8, 2, 6, 7), torch.randint(4, (10, 8), generator=random)
    lion = train("lion", network, images, labels, 2.5, lr=0.003, weight_decay=0.5)
    if lion.margin > 2e-4:
        break
assert lion.margin > 2e-4, lion.margin
train("sgd", network, images, labels, 2.5, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
train("adam", network, images, labels, 2.5, lr=0.01, betas=(0.8, 0.95), eps=1e-4,
      weight_decay=0.05)
train("adamw", network, images, labels, 2.5, lr=0.01, weight_decay=0.3)
train("rmsprop", network, images, labels, 2.5, lr=0.003, alpha=0.9, eps=0.0316, momentum=0.9,
      weight_decay=0.02)
store("training.images", images)
store("training.labels", labels)
for name, parameter in network.named_parameters():
    store(f"training.start/{name}", parameter)

path = pathlib.Path(__file__).parent / "optimizers.safetensors"
safetensors_file.write(path, arrays)
print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes; Lion's margin {lion.margin:.1e}")
