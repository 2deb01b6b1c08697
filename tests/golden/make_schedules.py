#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/schedules.safetensors: the learning rates of PyTorch's schedulers.

tests/unit/train/schedules.cpp reads it and names the same cases. Each has the rates of 200 steps;
one_cycle...momentum has the momentum. plateau.metrics are what plateau's cases observe after each
step.
Usage: /usr/bin/python3 tests/golden/make_schedules.py   (Debian: python3-torch, 1.13)
"""

import pathlib
import warnings

import numpy as np
import safetensors_file
import torch
from torch.optim import lr_scheduler

STEPS = 200
arrays = {}
warnings.simplefilter("ignore")  # SequentialLR's use of `epoch`


def rates(case, make, metrics=None, peak=0.1):
    """The rates of a scheduler that make(optimizer) returns."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak, momentum=0.9)
    scheduler = make(optimizer)
    found, momenta = [], []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if metrics is not None:
            scheduler.step(float(metrics[step]))
        elif step + 1 < STEPS:
            scheduler.step()
    assert len(set(found)) > 1, case
    arrays[case] = np.array(found, dtype=np.float32)
    if case.startswith("one_cycle"):
        arrays[f"{case}.momentum"] = np.array(momenta, dtype=np.float32)


def warm(steps, make):
    """A line from 1 / steps to 1, then that scheduler."""
    return lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer, 1 / steps, total_iters=steps - 1), make(optimizer)],
        [steps])


def by_epoch(steps, make):
    """A scheduler that takes a step after so many."""
    class ByEpoch:
        def __init__(self, optimizer):
            self.inner, self.count = make(optimizer), 0

        def step(self):
            self.count += 1
            if self.count % steps == 0:
                self.inner.step()

    return ByEpoch


def scheduler(name, *arguments, **options):
    return lambda optimizer: getattr(lr_scheduler, name)(optimizer, *arguments, **options)


def one_cycle(*arguments, **options):
    return scheduler("OneCycleLR", *arguments, **options)


rates("constant", scheduler("ConstantLR", 0.25, 70))
rates("step", scheduler("StepLR", 30, 0.3))
rates("step.default_gamma", scheduler("StepLR", 60))
rates("multi_step", scheduler("MultiStepLR", [50, 120, 121], 0.2))
rates("multi_step.twice", scheduler("MultiStepLR", [0, 90, 20, 90], 0.5))
rates("exponential", scheduler("ExponentialLR", 0.97))
rates("polynomial", scheduler("PolynomialLR", 200, 0.9))
rates("polynomial.line", scheduler("PolynomialLR", 150, 1))
rates("polynomial.square", scheduler("PolynomialLR", 199, 2))
rates("cosine", scheduler("CosineAnnealingLR", 200))
rates("restarts", scheduler("CosineAnnealingWarmRestarts", 33))
rates("restarts.longer", scheduler("CosineAnnealingWarmRestarts", 20, 2, 1e-3))
rates("restarts.thrice", scheduler("CosineAnnealingWarmRestarts", 7, 3))
rates("one_cycle", one_cycle(0.1, 200))
rates("one_cycle.linear", one_cycle(0.1, 200, pct_start=0.1234, anneal_strategy="linear"))
rates("one_cycle.three_phase", one_cycle(0.1, 200, pct_start=0.4, three_phase=True, div_factor=10,
                                         final_div_factor=100, base_momentum=0.8, max_momentum=0.9))
rates("one_cycle.falls", one_cycle(0.1, 200, pct_start=0.0))
rates("one_cycle.rises", one_cycle(0.1, 200, pct_start=1.0))
rates("warm.step", warm(25, scheduler("StepLR", 30, 0.3)))
rates("warm.exponential", warm(10, scheduler("ExponentialLR", 0.97)))
rates("warm.cosine", warm(20, scheduler("CosineAnnealingLR", 180)))
rates("by_epoch.step", by_epoch(16, scheduler("StepLR", 3, 0.1)))
rates("by_epoch.exponential", by_epoch(7, scheduler("ExponentialLR", 0.9)))

random = np.random.default_rng(20)
metrics = (1 / (1 + np.arange(STEPS) / 10) + random.normal(0, 0.02, STEPS)).astype(np.float32)
arrays["plateau.metrics"] = metrics
plateau = "ReduceLROnPlateau"
rates("plateau", scheduler(plateau), metrics)
rates("plateau.impatient", scheduler(plateau, factor=0.5, patience=2, cooldown=4), metrics)
rates("plateau.absolute", scheduler(plateau, factor=0.7, patience=3, threshold=0.01,
                                    threshold_mode="abs", min_lr=1e-3), metrics)
rates("plateau.max", scheduler(plateau, mode="max", factor=0.6, patience=5, threshold=0.05),
      1 - metrics)
rates("plateau.max_absolute", scheduler(plateau, mode="max", factor=0.6, patience=0, threshold=0.1,
                                        threshold_mode="abs", cooldown=9, eps=1e-3), 1 - metrics)

path = pathlib.Path(__file__).parent / "schedules.safetensors"
safetensors_file.write(path, arrays)
print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")
