# SPDX-License-Identifier: MIT
"""Loads a file of `finetune` strictly into torchvision's ResNet-18 of width 16, and compares
its logits with those of `predict`.

Usage: round_trip.py FINETUNED PREDICT IMAGE... [--table TABLE]
"""

import argparse
import sys

import torch

import figures
import logits
import networks
import safetensors_file


def load(path):
    """The tensors, and which reader read them: safetensors.torch where it is installed."""
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        print(f"NOTE: no package safetensors ({error}): the golden tests' own reader takes its place")
        arrays = safetensors_file.read(path)
        return {key: torch.from_numpy(array) for key, array in arrays.items()}, "own reader"
    return load_file(path), "safetensors.torch"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("finetuned")
    parser.add_argument("predict")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--table")
    arguments = parser.parse_args()

    state, reader = load(arguments.finetuned)
    model = networks.NarrowResNet18(16, 10)
    model.load_state_dict(state, strict=True)
    results = figures.Figures(arguments.table)
    logits.compare(
        results,
        f"finetuned.safetensors by {reader}: logits",
        logits.ours(arguments.predict, arguments.finetuned, arguments.images,
                    "--model", "resnet18_w16"),
        logits.theirs(model, arguments.images, resize=96, crop=96),
    )
    return results.status()


if __name__ == "__main__":
    sys.exit(main())
