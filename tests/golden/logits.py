# SPDX-License-Identifier: MIT
"""Logits of the example `predict` and of PyTorch."""

import subprocess

import numpy as np
import torch

import pictures


def ours(predict, weights, images, *options):
    """Shapes: (pictures, classes)."""
    command = [predict, "--weights", weights, "--logits", *options, *images]
    text = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    return np.array([line.split() for line in text.splitlines()], dtype=np.float64)


def theirs(model, images, **transform):
    """Shapes: (pictures, classes)."""
    prepare = pictures.evaluation_transform(**transform)
    model.eval()
    with torch.no_grad():
        return np.stack([model(prepare(pictures.read(path))[None])[0].numpy() for path in images])


def spread(logits):
    """The standard deviation of a logit between pictures, averaged over the logits."""
    return float(logits.std(axis=0).mean())


def compare(figures, what, ours, theirs, bound=1e-4):
    """The largest difference of a logit, in units of the spread."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    difference = float(np.abs(ours - theirs).max())
    figures.at_most(what, difference / spread(theirs), bound,
                    f"largest difference {difference:.1e}, spread {spread(theirs):.2f}, "
                    f"{len(theirs)} pictures")
