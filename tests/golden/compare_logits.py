# SPDX-License-Identifier: MIT
"""Compares `predict` with PyTorch: a full-size ResNet-18 saved by torch.save, real pictures.

Every other form in which people save weights must give the same logits to the last digit.
Usage: compare_logits.py PREDICT WORK_FOLDER [TABLE]
"""

import os
import pathlib
import sys

import numpy as np
import torch

import figures
import logits
import networks
import pictures
import safetensors_file


def write_variants(folder, model):
    """The file that torch.save writes today, and the others; returns their paths by what they are."""
    state = model.state_dict()
    uncounted = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    files = {
        "torch.save": folder / "resnet18.pth",
        "the format before PyTorch 1.6": folder / "legacy.pth",
        "{'state_dict': ...}": folder / "checkpoint.pth",
        "DataParallel's keys": folder / "data_parallel.pth",
        "no num_batches_tracked": folder / "uncounted.pth",
        "safetensors": folder / "resnet18.safetensors",
    }
    paths = iter(files.values())
    torch.save(state, next(paths))
    torch.save(state, next(paths), _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": state, "best": 0.5}, next(paths))
    torch.save(torch.nn.DataParallel(model).state_dict(), next(paths))
    torch.save(uncounted, next(paths))
    safetensors_file.write(next(paths), {k: v.numpy() for k, v in state.items()})
    return files


def main(predict, folder, table=None):
    results = figures.Figures(table)
    seed = int(os.environ.get("FROSTLINE_SEED", 0))
    print(f"logits: FROSTLINE_SEED={seed}")
    folder = pathlib.Path(folder)
    images = pictures.write_pictures(folder / "pictures", seed)
    torch.manual_seed(seed)
    model = networks.models.resnet18()
    networks.scatter(model)
    networks.drift(model, pictures.batches(4, 8, seed)[0])
    files = write_variants(folder, model)

    by_pytorch = logits.theirs(model, images)
    first = logits.ours(predict, files.pop("torch.save"), images)
    logits.compare(results, "ResNet-18 by torch.save: logits", first, by_pytorch)
    for norm in networks.norms_of(model).values():
        norm.reset_running_stats()
    away = np.abs(logits.theirs(model, images[:1]) - by_pytorch[:1]).max()
    results.at_least("  control: PyTorch without the drift", away / logits.spread(by_pytorch), 0.1)
    for what, file in files.items():
        other = logits.ours(predict, file, images)
        results.at_most(f"  from {what}", float(np.abs(other - first).max()), 0)
    return results.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
