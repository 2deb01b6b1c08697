# SPDX-License-Identifier: MIT
"""Runs contestants in turns, each turn a process of its own, and compares them; see run.sh.

A cell is a network, a row (what is done), a batch and a number of threads. In a cell's first round every
contestant computes the same as frostline, or the benchmark ends, and the slower variants of a peer
drop out. Then come the timed rounds, each on images of its own: frostline, PyTorch, LibTorch, ...,
frostline, PyTorch, ... A figure is the median over processes, a time the median within a process.
"""

import argparse
import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from contestants import (
    BACKBONES,
    DATA_SET,
    THRUST_BUILD,
    TORCH,
    Cell,
    contestants,
    run,
    thrust_contestants,
)

HERE = Path(__file__).resolve().parent
ROWS = ("head", "layer4", "all", "inference", "epochs")
BATCHES, THREADS = (1, 5, 32), (2, 1)
PEERS = ("PyTorch", "LibTorch", "ONNX Runtime", "OpenVINO", "ncnn", "dlib", "none")
STEPS = {1: 20, 5: 8, 32: 3}  # steps that a process times, by batch
KEPT = 1.3  # times a peer's best time, beyond which its variant drops out


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def make_data(folder, images, seed):
    import numpy

    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(seed)
    random.standard_normal((images, 3, 224, 224), numpy.float32).tofile(folder / "images.f32")
    random.integers(0, 10, images, numpy.int32).tofile(folder / "labels.i32")


def check(one, cell, report, reference):
    """Ends the benchmark unless the first three losses are frostline's, or all logits."""
    if not one.checked:
        return
    worst = 0
    for ours, theirs in zip(reference["results"][:3], report["results"][:3]):
        if len(ours) != len(theirs):
            sys.exit(f"{one} in {cell}: {len(theirs)} results, and {len(ours)} of frostline")
        apart = sum((a - b) ** 2 for a, b in zip(ours, theirs)) ** 0.5
        worst = max(worst, apart / sum(a * a for a in ours) ** 0.5)
    # From MobileNet's random weights the third losses of PyTorch's own variants differ by 8e-4.
    training = 3e-3 if cell.network in BACKBONES and cell.row == "all" else 1e-3
    bound = 1e-4 if cell.row == "inference" else training
    if not worst <= bound:
        sys.exit(
            f"{one} in {cell} differs from frostline by {worst:.2g} (bound {bound:g}):\n"
            f"  {report['results'][:3]}\n  {reference['results'][:3]}"
        )
    return worst


def figures(reports):
    """A contestant's figures, medians over its processes."""
    return {
        "seconds": median(median(r["seconds"]) for r in reports),
        "first": median(r["first"] for r in reports),
        "peak_mb": median(r["peak_mb"] for r in reports),
        "loaded_mb": median(r["loaded_mb"] for r in reports),
    }


def qualify(first):
    """Keeps variants that are near their peer's best time, best in start or memory, or `plain`."""
    kept = []
    for one, report in first.items():
        rivals = [r for other, r in first.items() if other.peer == one.peer]
        figure, best = figures([report]), [figures([r]) for r in rivals]
        if (
            one.peer == "frostline"
            or one.variant.startswith("plain")
            and not one.jemalloc
            or figure["seconds"] <= KEPT * min(b["seconds"] for b in best)
            or any(figure[f] == min(b[f] for b in best) for f in ("first", "peak_mb"))
        ):
            kept.append(one)
    return kept


def compete(cell, options):
    """Runs all rounds of a cell. Returns the cell's entry for the file."""
    work, epochs = options.work, cell.row == "epochs"
    if options.thrust:
        everyone = thrust_contestants(cell, work, options.thrust)
    else:
        everyone = [
            one
            for one in contestants(cell, work, options.peers)
            if not options.variants or one.peer != "PyTorch" or one.variant in options.variants
        ]
    steps = options.steps or (1 if epochs else STEPS.get(cell.batch, 3))
    warmup = 3 if options.thrust else 1  # a graph is recorded in the second step

    def one_round(number, who, steps):
        make_data(
            work / "data",
            DATA_SET if epochs else cell.batch * (steps + warmup),
            options.seed + number,
        )
        reports = {}
        for one in who:
            reports[one] = run(one, cell, work, steps, warmup)
            worst = check(one, cell, reports[one], reports[who[0]])
            say(
                f"{cell}, round {number}: {one}: {1e3 * median(reports[one]['seconds']):.1f} ms, "
                f"{reports[one]['peak_mb']:.0f} MB, first after {reports[one]['first']:.2f} s"
                + (f", differs by {worst:.1e}" if worst is not None else ", not checked")
            )
        return reports

    first = one_round(0, everyone, min(steps, 2))
    kept = qualify(first)
    say(f"{cell}: all are equal; {len(kept)} of {len(everyone)} go on")
    turns = [one_round(number, kept, steps) for number in range(1, options.rounds + 1)]
    entries = []
    for one in everyone:
        reports = [turn[one] for turn in turns if one in turn] or [first[one]]
        entries.append(
            {
                "peer": one.peer,
                "variant": one.variant,
                "jemalloc": one.jemalloc,
                "kept": one in kept,
                "checked": one.checked,
                **figures(reports),
                "images_per_second": (10 * DATA_SET if epochs else cell.batch)
                / figures(reports)["seconds"],
                "processes": [{k: r[k] for k in ("seconds", "first", "peak_mb")} for r in reports],
            }
        )
    return {
        "network": cell.network,
        "row": cell.row,
        "batch": cell.batch,
        "threads": cell.threads,
        "rounds": options.rounds,
        "steps": steps,
        "seed": options.seed,
        "contestants": entries,
    }


def machine(work, build):
    """The machine's measured peaks, and the peers' versions."""
    processor = next(
        (
            line.split(":")[1].strip()
            for line in open("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    peaks = [
        json.loads(subprocess.check_output([work / build / "benchmarks/machine", str(threads)]))
        for threads in (1, 2)
    ]
    versions = {
        name: importlib.metadata.version(package)
        for name, package in (
            ("PyTorch", "torch"),
            ("ONNX Runtime", "onnxruntime"),
            ("OpenVINO", "openvino"),
            ("ncnn", "ncnn"),
        )
    }
    versions["LibTorch"] = versions["PyTorch"]  # the same wheel's
    versions["dlib"] = subprocess.run(
        ["pkg-config", "--modversion", "dlib-1"], capture_output=True, text=True
    ).stdout.strip()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "peaks": peaks,
        "versions": versions,
        "load_before": os.getloadavg()[0],
        "commit": commit,
        "date": time.strftime("%Y-%m-%d"),
        "environment": {k: v for k, v in os.environ.items() if "OMP_" in k or "KMP_" in k},
    }


@contextlib.contextmanager
def busy_processor(wanted):
    """Runs another program that computes meanwhile, if requested."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if other:
            other.kill()
            other.wait()


def gpu():
    """The name of a GPU that programs can use here, or None."""
    try:
        return subprocess.check_output(["nvidia-smi", "-L"], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def measured(network, row, batch):
    """Whether a cell belongs to the comparison."""
    if network in BACKBONES:
        return row in BACKBONES[network] and (row == "inference" or batch == 32)
    return row != "epochs" or batch == 32


def cells_of(options):
    return [
        Cell(network, row, batch, threads)
        for network in options.networks or ("resnet18",)
        for row in options.rows
        for batch in options.batches
        for threads in options.threads
        if measured(network, row, batch)
    ]


def key(cell):
    """What distinguishes a cell in a file."""
    return cell["network"], cell["row"], cell["batch"], cell["threads"]


def prepare(options, network):
    """Makes a network's weights and models, once."""
    command = [HERE / "peers/prepare.py", options.work / "models", network, *BATCHES]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def numbers(text):
    return tuple(int(number) for number in text.split(","))


def parse():
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh", description=__doc__.split("\n")[0])
    words = lambda text: tuple(text.split(","))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="by default only head-only steps, batch 5, 2 threads, 2 rounds",
    )
    parser.add_argument(
        "--networks",
        type=words,
        default=(),
        help=f"of {','.join(BACKBONES)}: compare these instead of ResNet-18, on two threads: "
        "inference of batch 1 and 32, and steps of the last stage and of everything of batch 32 (of resnet50 "
        "and vit_b_16 only inference); "
        "to out/benchmarks/backbones.json",
    )
    parser.add_argument("--rows", type=words, default=ROWS, help=f"of {','.join(ROWS)}")
    parser.add_argument("--batches", type=numbers, default=BATCHES, help="of 1,5,32")
    parser.add_argument("--threads", type=numbers, default=THREADS, help="of 2,1")
    parser.add_argument(
        "--peers",
        type=words,
        default=(),
        help=f"of {','.join(PEERS)}; frostline always runs",
    )
    parser.add_argument(
        "--variants",
        type=words,
        default=(),
        help=f"of PyTorch only these of {','.join(TORCH['head'])} (all)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="processes per contestant (5)")
    parser.add_argument("--steps", type=int, help="steps that a process times (20, 8, 3 by batch)")
    parser.add_argument(
        "--seed",
        type=int,
        default=time.time_ns() % 10**6,
        help="seed of the images; by default from the clock",
    )
    parser.add_argument(
        "--add",
        action="store_true",
        help="keep the other cells of an earlier run in out/benchmarks/peers.json",
    )
    parser.add_argument(
        "--commit",
        action="store_true",
        help="also write benchmarks/results/{peers,backbones}.{json,svg}, for docs/benchmarks.md",
    )
    parser.add_argument(
        "--thrust",
        action="store_true",
        help="compare instead the Thrust backend with PyTorch: on a GPU if there is one, else "
        "on the CPU; rows head,layer4,all and batch 32 by default",
    )
    parser.add_argument(
        "--competitor",
        action="store_true",
        help="while another program keeps one processor busy; to out/benchmarks/competitor.json",
    )
    parser.add_argument(
        "--kernels",
        action="store_true",
        help="time single convolutions instead; to out/benchmarks/kernels.json",
    )
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument(
        "--work", type=Path, default=Path("build/benchmarks"), help=argparse.SUPPRESS
    )
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(rows=("head",), batches=(5,), threads=(2,), rounds=2)
    elif parser.parse_known_args()[0].thrust:
        parser.set_defaults(rows=("head", "layer4", "all"), batches=(32,), threads=(2,))
    elif parser.parse_known_args()[0].networks:
        parser.set_defaults(rows=("inference", "layer4", "all"), batches=(1, 32), threads=(2,))
    options = parser.parse_args()
    choices = {
        "networks": BACKBONES,
        "rows": ROWS,
        "batches": BATCHES,
        "threads": THREADS,
        "peers": PEERS,
        "variants": TORCH["head"],
    }
    for name, allowed in choices.items():
        if wrong := set(getattr(options, name)) - set(allowed):
            parser.error(
                f"--{name}: {', '.join(map(str, wrong))} is not one of "
                f"{', '.join(map(str, allowed))}"
            )
    if options.networks and options.thrust:
        parser.error("--thrust compares ResNet-18 only, so --networks does not go with it")
    if not cells_of(options):
        parser.error("nothing is measured in these rows, with these batches, of these networks")
    options.build = "build"
    if options.thrust:
        options.thrust = "cuda" if gpu() else "cpu"
        options.build = THRUST_BUILD[options.thrust]
        options.threads = options.threads[:1]
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main():
    options = parse()
    import report

    out = Path("out/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    if options.kernels:
        kernels = [options.work / "build/benchmarks/kernels", "--benchmark_out_format=json"]
        sys.exit(subprocess.call([*kernels, f"--benchmark_out={out}/kernels.json"]))
    name = (
        "thrust"
        if options.thrust
        else "competitor"
        if options.competitor
        else "backbones"
        if options.networks
        else "peers"
    )
    file = out / f"{name}.json"
    if not options.report:
        lock = open(options.work / "lock", "w")  # two runs would share images, and the processors
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run uses {options.work}; wait for it, or stop it")
        if (load := os.getloadavg()[0]) > 0.5:
            say(
                f"NOTE: the machine is busy (load {load:.1f}); ratios are disturbed less than times"
            )
        say(f"seed {options.seed}")
        result = {"machine": machine(options.work, options.build), "cells": []}
        earlier = json.loads(file.read_text())["cells"] if options.add and file.exists() else []
        cells = cells_of(options)
        for network in options.networks or ("resnet18",):
            prepare(options, network)
        for cell in cells:
            with busy_processor(options.competitor):
                result["cells"].append(compete(cell, options))
            done = {key(c) for c in result["cells"]}
            others = [c for c in earlier if key(c) not in done]
            cells_so_far = sorted(others + result["cells"], key=lambda c: ROWS.index(c["row"]))
            file.write_text(json.dumps({**result, "cells": cells_so_far}, indent=1))
    result = json.loads(file.read_text())
    if options.thrust or options.competitor:
        if options.thrust:
            print(f"frostline: the Thrust backend, on {gpu() or 'the host: no GPU is here'}")
        if options.competitor:
            print("while another program keeps one processor busy")
        report.print_cells(result)
        print(f"{file} is written")
        return
    report.write(result, [out] + [HERE / "results"] * options.commit, name)


if __name__ == "__main__":
    main()
