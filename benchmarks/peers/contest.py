# SPDX-License-Identifier: MIT
"""The command line and the report of a contestant in Python; peers/contest.hpp is the same in C++.

A contestant gives a function that does one step on a batch (images, labels) and returns what is
compared: the loss, the logits, or the losses of the epochs. It is called once to warm up and then
`steps` times, on fresh batches, which are read before the clock starts. It prints a line of JSON.
"""

import argparse
import json
import re
import time
from pathlib import Path

IMAGE = (3, 224, 224)


def options():
    parser = argparse.ArgumentParser()
    for name in ("network", "row", "variant", "weights", "model", "data", "device"):
        parser.add_argument(f"--{name}", default="")
    for name in ("batch", "threads", "images", "steps", "warmup"):
        parser.add_argument(f"--{name}", type=int, default=1)
    parser.add_argument("--start", type=float, required=True, help="time.monotonic() at the start")
    return parser.parse_args()


def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) * 1024 / 1e6


def run(option, step, images, labels):
    """Images and labels are numpy arrays (images per step, ...) that are filled for each step."""
    loaded_mb, seconds, results, first = peak_mb(), [], [], None
    with (
        open(f"{option.data}/images.f32", "rb") as pixels,
        open(f"{option.data}/labels.i32", "rb") as classes,
    ):
        for i in range(option.warmup + option.steps):
            if not pixels.readinto(images.data.cast("B")) == images.nbytes:
                raise SystemExit(f"{option.data} holds too few images for {i + 1} steps")
            classes.readinto(labels.data.cast("B"))
            begin = time.perf_counter()
            results.append(step())  # a list of numbers
            seconds.append(time.perf_counter() - begin)
            first = first or time.monotonic() - option.start
    print(
        json.dumps(
            {
                "seconds": seconds[option.warmup :],
                "results": results,
                "first": first,
                "loaded_mb": loaded_mb,
                "peak_mb": peak_mb(),
            }
        )
    )
