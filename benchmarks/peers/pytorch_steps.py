# SPDX-License-Identifier: MIT
"""PyTorch as a contestant.

A variant is `plain`, as people run it, or `eager`, `jit` or `compile`, which is how the frozen part
runs without gradients; `-cl` adds channels_last, and `-cached` features that are kept by hand.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import contest
from networks import NETWORKS

EPOCHS = 10


def load(network, weights, plain):
    """The model, its weights from the file; unless plain, mapped and without initialising first."""
    if plain:
        model = NETWORKS[network](10)
        model.load_state_dict(torch.load(weights))
        return model
    with torch.device("meta"):
        model = NETWORKS[network](10)
    model.load_state_dict(torch.load(weights, mmap=True), assign=True)
    return model


def fast_prefix(prefix, how, shape, layout):
    """The frozen prefix in the form that runs fastest; called without gradients."""
    if how == "jit":
        example = torch.zeros(shape).contiguous(memory_format=layout)  # only on the CPU
        return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(prefix, example)))
    if how == "compile":
        return torch.compile(prefix)  # with freezing, set in main
    return prefix


def main():
    option = contest.options()
    torch.set_num_threads(option.threads)
    device = option.device or "cpu"
    torch.backends.cudnn.allow_tf32 = False  # float32 is compared
    torch.backends.cudnn.benchmark = True
    how, *flags = option.variant.split("-")
    plain, layout = (
        how == "plain",
        torch.channels_last if "cl" in flags else torch.contiguous_format,
    )
    if how == "compile":
        from torch._inductor import config

        config.freezing = True  # folds batch norm and packs weights
    without_gradients = torch.inference_mode if option.row == "inference" else torch.no_grad

    model = load(option.network, option.weights, plain).to(device, memory_format=layout)
    prefix, rest = model.split(option.row)
    model.train()
    if prefix is not None:
        prefix.eval().requires_grad_(False)
        shape = (min(option.batch, option.images), *contest.IMAGE)
        with without_gradients():
            frozen = prefix if plain else fast_prefix(prefix, how, shape, layout)
    if rest is not None:
        trainable = (
            torch.compile(rest) if how == "compile" and option.row in ("layer4", "all") else rest
        )
        optimizer = torch.optim.SGD(
            rest.parameters(), lr=1e-3, momentum=0.9, **({} if plain else {"fused": True})
        )

    images = np.empty((option.images, *contest.IMAGE), np.float32)
    labels = np.empty(option.images, np.int32)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def features(x):
        x = x.to(device)
        if prefix is None:
            return x.contiguous(memory_format=layout)
        if plain and rest is not None:
            return frozen(x)  # records nothing, since nothing before the rest requires gradients
        with without_gradients():
            return frozen(x.contiguous(memory_format=layout))

    def train(inputs, targets):
        optimizer.zero_grad()
        loss = cross_entropy(trainable(inputs), targets.to(device))
        loss.backward()
        optimizer.step()
        return loss.item()

    def epochs():
        batches = list(zip(x.split(option.batch), y.long().split(option.batch)))
        if "cached" in flags:
            batches = [(features(inputs), targets) for inputs, targets in batches]
        losses = []
        for _ in range(EPOCHS):
            epoch = [
                train(inputs if "cached" in flags else features(inputs), targets)
                for inputs, targets in batches
            ]
            losses.append(sum(epoch) / len(epoch))
        return losses

    if option.row == "epochs":
        features(torch.zeros(shape))  # compiles, if anything is to be compiled
        step = epochs
    elif option.row == "inference":
        step = lambda: features(x).flatten().tolist()
    else:
        step = lambda: [train(features(x), y.long())]
    contest.run(option, step, images, labels)


main()
