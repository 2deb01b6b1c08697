# SPDX-License-Identifier: MIT
"""The contestants in each cell of the comparison, and how a process of one is run."""

import ctypes.util
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA_SET = 256  # images of the ten epochs
# Of frostline; each but the default has a column of its own (CMakeLists.txt).
CONFIGURATIONS = ("default", "fastest", "small")
# The other networks (--networks) have only the default configuration and these rows. Row "layer4"
# trains the last stage and the head.
BACKBONES = {
    "mobilenet_v2": ("inference", "layer4", "all"),
    "efficientnet_lite0": ("inference", "layer4", "all"),
    "resnet50": ("inference",),
    "vit_b_16": ("inference",),
}
TORCH = {
    "head": ("plain", "eager", "eager-cl", "jit", "jit-cl", "compile", "compile-cl"),
    "layer4": ("plain", "eager", "eager-cl", "jit", "jit-cl", "compile", "compile-cl"),
    "all": ("plain", "eager", "eager-cl", "compile", "compile-cl"),
    "inference": ("plain", "eager", "eager-cl", "jit", "jit-cl", "compile", "compile-cl"),
    "epochs": ("plain", "jit", "compile-cl", "plain-cached", "jit-cached", "compile-cl-cached"),
}
THRUST_BUILD = {"cuda": "build-cuda", "cpu": "build"}
LIBTORCH = {"epochs": ("eager", "eager-cached")}
CACHED = ", cached by hand"


@dataclass(frozen=True)
class Cell:
    network: str
    row: str
    batch: int
    threads: int

    def __str__(self):
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.network}, {self.row}, batch {self.batch}, {threads}"


@dataclass(frozen=True)
class Contestant:
    peer: str
    variant: str
    command: tuple
    jemalloc: bool = False
    checked: bool = True  # its results are compared with frostline's

    def __str__(self):
        return f"{self.peer} {self.variant}{' + jemalloc' * self.jemalloc}"


def thrust_contestants(cell, work, device):
    """The contestants of a cell with Thrust, on `cuda` or, without a GPU, on `cpu`."""
    program = work / f"{THRUST_BUILD[device]}/benchmarks/frostline_{cell.row}_thrust"
    variants = [v for v in TORCH[cell.row] if device == "cpu" or not v.startswith("jit")]
    torch = (sys.executable, HERE / "peers/pytorch_steps.py", "--device", device)
    return [Contestant("frostline", "default", (program,))] + [
        Contestant("PyTorch" + CACHED * variant.endswith("cached"), variant, torch)
        for variant in variants
    ]


def contestants(cell, work, wanted):
    """All contestants of a cell, frostline's default first."""
    build, found = work / "build/benchmarks", []
    backbone = cell.network in BACKBONES
    for configuration in CONFIGURATIONS[: 1 if backbone else None]:
        name = f"{cell.network}_{cell.row}" if backbone else cell.row
        program = build / f"frostline_{name}_{configuration}"
        found.append(Contestant("frostline", configuration, (program,)))

    def add(peer, variant, *command, **flags):
        for jemalloc in (False, True):
            name = peer + CACHED * variant.endswith("cached")
            found.append(Contestant(name, variant, command, jemalloc, **flags))

    for variant in TORCH[cell.row]:
        add("PyTorch", variant, sys.executable, HERE / "peers/pytorch_steps.py")
    if not backbone:
        for variant in LIBTORCH.get(cell.row, ("eager", "eager-cl")):
            add("LibTorch", variant, build / "libtorch_steps")
    if cell.row == "inference":
        models = work / "models"
        onnx = ("--model", models / f"{cell.network}-{cell.batch}.onnx")
        add("ONNX Runtime", "default", sys.executable, HERE / "peers/onnx_steps.py", *onnx)
        # OpenVINO crashes with jemalloc; ncnn, like it, has an allocator of its own.
        openvino = (sys.executable, HERE / "peers/openvino_steps.py", *onnx)
        found.append(Contestant("OpenVINO", "default", openvino))
        if cell.batch == 1:
            model = models / f"{cell.network}.ncnn.param"
            ncnn = (sys.executable, HERE / "peers/ncnn_steps.py", "--model", model)
            found.append(Contestant("ncnn", "default", ncnn))
    # dlib's batch normalisation cannot train on a single image.
    trains_one = cell.batch == 1 and cell.row != "inference"
    dlib_rows = () if backbone else ("inference", "head", "all")
    if cell.row in dlib_rows and not trains_one and (build / "dlib_steps").exists():
        add("dlib", "default", build / "dlib_steps", checked=False)
    return [
        one
        for one in found
        if one.peer == "frostline" or not wanted or one.peer.split(",")[0] in wanted
    ]


def run(one, cell, work, steps, warmup=1):
    """Runs one process. Returns its report."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(cell.threads),
        "OPENBLAS_NUM_THREADS": str(cell.threads),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(work.resolve() / "inductor"),
    }
    if one.jemalloc:  # as in PyTorch's tuning guide
        environment["LD_PRELOAD"] = ctypes.util.find_library("jemalloc") or sys.exit("no jemalloc")
        environment["MALLOC_CONF"] = (
            "oversize_threshold:1,background_thread:true,metadata_thp:auto,"
            "dirty_decay_ms:9000000000,muzzy_decay_ms:9000000000"
        )
    epochs = cell.row == "epochs"
    arguments = {
        "network": cell.network,
        "row": cell.row,
        "variant": one.variant,
        "batch": cell.batch,
        "threads": cell.threads,
        "images": DATA_SET if epochs else cell.batch,
        "steps": steps,
        "warmup": 0 if epochs else warmup,
        "weights": work / f"models/{cell.network}.pth",
        "data": work / "data",
    }
    command = [str(part) for part in one.command]
    for name, value in arguments.items():
        command += [f"--{name}", str(value)]
    command += ["--start", repr(time.monotonic())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    try:
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        pass
    sys.exit(
        f"{one} failed in {cell}, with status {done.returncode}:\n  {' '.join(command)}\n"
        + done.stdout[-2000:]
        + done.stderr[-4000:]
    )
