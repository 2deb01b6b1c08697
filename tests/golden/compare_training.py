# SPDX-License-Identifier: MIT
"""Compares training with PyTorch: the same weights and batches, SGD with all its options.

Usage: compare_training.py TRAIN_STEPS WORK_FOLDER [TABLE]

For every tensor the figure is |ours - PyTorch's| / |PyTorch's - before| in the L2 norm: the relative
difference of the update. How far both are from PyTorch's float64 says how much of it is the noise of
float32.
"""

import copy
import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn

import figures
import networks
import pictures
import safetensors_file

BATCH = 8
IGNORED = 255
SGD = dict(lr=1e-2, momentum=0.9, nesterov=True)  # as in train_steps.cpp


@dataclasses.dataclass
class Case:
    name: str
    title: str
    trains: tuple  # PyTorch's modules ("": everything); all others are frozen
    steps: int = 5
    weight_decay: float = 5e-4
    batch_statistics: bool = False  # the tutorial taken literally: the whole model in train() mode
    bound: float = 1e-3  # of the updates
    floor: float = 0.0  # see update_differences


CASES = [
    # A head changes so fast that only a strong weight decay exceeds the bound.
    Case("head", "head only", ("fc",), weight_decay=1e-2),
    Case("batch_statistics", "head, batch statistics", ("fc",), weight_decay=1e-2,
         batch_statistics=True),
    Case("layer4", "layer4 + head", ("layer4", "fc")),
    Case("everything", "everything",
         ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc")),
    Case("fcn", "FcnHead", ("classifier",), steps=1),
    Case("fcn_auxiliary", "FcnHead, auxiliary loss", ("layer4", "classifier", "aux_classifier")),
]


def numpy_state(model):
    """Floats as float64, so that differences are exact."""
    return {key: tensor.detach().double().numpy() if tensor.is_floating_point() else tensor.numpy()
            for key, tensor in copy.deepcopy(model.state_dict()).items()}


def train_theirs(model, case, images, labels, **options):
    """Five steps by PyTorch; returns the losses and the state after."""
    model = copy.deepcopy(model)
    for name, module in model.named_modules():
        trains = any(name == t or name.startswith(t + "." if t else "") for t in case.trains)
        module.training = case.batch_statistics or trains
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(trains)
    loss_function = nn.CrossEntropyLoss(ignore_index=IGNORED)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad],
                                **{"weight_decay": case.weight_decay, **SGD, **options})
    losses = []
    for x, y in zip(images.to(next(model.parameters()).dtype), labels):
        optimizer.zero_grad()
        outputs = model(x)
        if isinstance(outputs, tuple):  # torchvision's references/segmentation/train.py
            loss = loss_function(outputs[0], y) + 0.5 * loss_function(outputs[1], y)
        else:
            loss = loss_function(outputs, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), numpy_state(model)


def train_ours(program, folder, case, model, images, labels):
    """The same by train_steps."""
    weights, out = folder / f"{case.name}.pth", folder / f"{case.name}.safetensors"
    torch.save(model.state_dict(), weights)
    images.numpy().tofile(folder / "images.f32")
    labels.int().numpy().tofile(folder / "labels.i32")
    text = run(program, case.name, weights, folder, out, case.weight_decay)
    state = {key: array.astype(np.float64) if array.dtype == np.float32 else array
             for key, array in safetensors_file.read(out).items()}
    return np.array(text.split(), dtype=np.float64), state


def run(program, name, weights, folder, out, weight_decay=0.0):
    command = [program, name, weights, folder / "images.f32", folder / "labels.i32", BATCH,
               weight_decay, out]
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def largest(differences):
    """The largest value of a dictionary, and its key; NaN is the largest."""
    key = max(differences, key=lambda k: np.inf if np.isnan(differences[k]) else differences[k])
    return differences[key], key


def update_differences(ours, theirs, before, keys, floor=0.0):
    """The differences by tensor. `floor` times the norm of all updates is added to each tensor's:
    some have gradients that are zero but for rounding, such as a norm's bias before another norm."""
    updates = {key: float(np.linalg.norm(theirs[key] - before[key])) for key in keys}
    more = floor * np.linalg.norm(list(updates.values()))
    return {key: float(np.linalg.norm(ours[key] - theirs[key])) / (updates[key] + more)
            for key in keys}


def compare(results, case, before, ours, theirs, exact):
    """The last three arguments are (losses, state) each; `exact` is PyTorch's in float64."""
    (our_losses, our_state), (losses, state), (exact_losses, exact_state) = ours, theirs, exact
    assert our_state.keys() == state.keys(), our_state.keys() ^ state.keys()
    assert len(our_losses) == len(losses) == case.steps
    figure, of_ours, of_theirs = (float(np.abs(a / b - 1).max()) for a, b in (
        (our_losses, losses), (our_losses, exact_losses), (losses, exact_losses)))
    results.at_most(f"{case.title}: loss", figure, 1e-4, f"{noise(of_ours, of_theirs)}; "
                    f"{losses[0]:.4f} to {losses[-1]:.4f} in {case.steps} step(s)")

    frozen = [key for key in state if np.array_equal(state[key], before[key])]
    moving = [key for key in state if key not in frozen]
    counted = [key for key in moving if key.endswith("num_batches_tracked")]
    statistics = [key for key in moving if "running" in key]
    parameters = [key for key in moving if key not in counted + statistics]
    for what, keys in (("updates", parameters), ("running statistics", statistics)):
        if what == "running statistics" and not keys:
            continue
        floor = case.floor if keys is parameters else 0.0
        figure, key = largest(update_differences(our_state, state, before, keys, floor))
        of_ours, _ = largest(update_differences(our_state, exact_state, before, keys, floor))
        of_theirs, _ = largest(update_differences(state, exact_state, before, keys, floor))
        results.at_most(f"{case.title}: {what}", figure, case.bound,
                        f"{noise(of_ours, of_theirs)}; worst of {len(keys)}: {key}")
    unlike = [key for key in frozen + counted if not np.array_equal(our_state[key], state[key])]
    results.at_most(f"{case.title}: frozen or counting, unlike", len(unlike), 0,
                    f"of {len(frozen)} + {len(counted)} tensors " + " ".join(unlike[:3]))


def noise(of_ours, of_theirs):
    return f"from float64: ours {of_ours:.1e}, PyTorch's {of_theirs:.1e}"


def predict_fcn(results, program, folder, model, images):
    """The library's own FcnHead, which has dropout, in evaluation: a batch's logits."""
    run(program, "fcn_predict", folder / "fcn.pth", folder, folder / "fcn.f32")
    with torch.no_grad():
        theirs = model.eval()(images).numpy()
        exact = model.double()(images.double()).numpy()
    ours = np.fromfile(folder / "fcn.f32", dtype=np.float32).reshape(theirs.shape)
    spread = float(theirs.std(axis=(0, 2, 3)).mean())  # of a class, from pixel to pixel
    figure, of_ours, of_theirs = (float(np.abs(a - b).max()) / spread for a, b in (
        (ours, theirs), (ours, exact), (theirs, exact)))
    results.at_most("FcnHead in evaluation: logits", figure, 1e-4,
                    f"{noise(of_ours, of_theirs)}; spread {spread:.2f}")


def main(program, folder, table=None):
    results = figures.Figures(table)
    seed = int(os.environ.get("FROSTLINE_SEED", 0))
    print(f"training: FROSTLINE_SEED={seed}")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pictures.batches(5, BATCH, seed)
    torch.manual_seed(seed)
    classifier = networks.models.resnet18(num_classes=10)
    networks.keep_from_kinks(classifier)
    networks.drift(classifier, images)
    for case in CASES:
        model, x, y = classifier, images[: case.steps], labels[: case.steps]
        if case.name.startswith("fcn"):
            model = networks.Fcn(21, auxiliary=case.name == "fcn_auxiliary")
            networks.scatter(model)
            networks.keep_from_kinks(model.classifier)
            if case.name == "fcn_auxiliary":
                networks.keep_from_kinks(model.layer4)
                networks.keep_from_kinks(model.aux_classifier)
            networks.drift(model, images)
            y = pictures.pixel_labels(x, y, IGNORED)
        before = numpy_state(model)
        ours = train_ours(program, folder, case, model, x, y)
        theirs = train_theirs(model, case, x, y)
        exact = train_theirs(copy.deepcopy(model).double(), case, x, y)
        compare(results, case, before, ours, theirs, exact)
        if case.name == "head":
            for what, options in (("Nesterov", dict(nesterov=False)),
                                  ("weight decay", dict(weight_decay=0))):
                _, other = train_theirs(model, case, x, y, **options)
                away, _ = largest(update_differences(other, theirs[1], before, ["fc.weight"]))
                results.at_least(f"  control: PyTorch without {what}", away, 5e-3)
        if case.name == "fcn":
            predict_fcn(results, program, folder, model, x[0])
    return results.status()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
