# SPDX-License-Identifier: MIT
"""Prints what a second training step adds to a profile of ptx-cpu: report.py BATCH ONE TWO MODEL"""

import json
import re
import subprocess
import sys

batch, one, two, model = int(sys.argv[1]), *sys.argv[2:5]


def kernels(path):
    with open(path) as file:
        entries = json.load(file)["kernels"]
    return {entry.get("mangled", entry["name"]): entry for entry in entries}


def short(entry):
    """A kernel's own name, or the name of the functor that a kernel of Thrust runs."""
    name = entry.get("demangled", entry["name"])
    ours = re.findall(r"frostline::detail::device::cuda::(\w+)(<[^:]*?>)?", name)
    return " ".join(a + b for a, b in ours[:1]) or entry["name"][:40]


def added(first, second, *keys):
    """The difference of a figure, which is stored under these keys, between the two profiles."""

    def value(entry):
        for key in keys:
            entry = entry[key]
        return entry

    return value(second) - (value(first) if first else 0)


first, second = kernels(one), kernels(two)
rows, totals = [], {}
for name, entry in second.items():
    before = first.get(name)
    dram = added(before, entry, "derived", "dram_bytes")
    flops = added(before, entry, "counts", "flops")
    if added(before, entry, "counts", "launches") == 0:
        continue
    derived, counts = entry["derived"], entry["counts"]
    floors = {d: added(before, entry, "floor_us", d, "us") for d in entry["floor_us"]}
    banks = 1 + derived["shared_conflict_wavefronts"] / max(counts["shared_ideal"], 1)
    rows.append((dram, short(entry), flops, derived["efficiency"], banks, floors))
    for key, value in {"dram": dram, "flops": flops, **floors}.items():
        totals[key] = totals.get(key, 0) + value

print(f"\nA head-only step of batch {batch}, as ptx-cpu counts it, per image:\n")
print("| kernel | MB of DRAM | GFLOP | coalescing | bank conflicts |")
print("|---|---|---|---|---|")
for dram, name, flops, efficiency, banks, _ in sorted(rows, reverse=True):
    print(
        f"| {name} | {dram / batch / 1e6:.2f} | {flops / batch / 1e9:.3f} "
        f"| {100 * efficiency:.0f} % | {banks:.2f} |"
    )
print(
    f"| all | {totals['dram'] / batch / 1e6:.2f} | {totals['flops'] / batch / 1e9:.3f} | | |"
)
for line in subprocess.run([model, str(batch)], capture_output=True, text=True).stdout.split("\n"):
    if line.startswith("| the head"):
        each, once = (float(x) for x in line.split("|")[3].split("+"))
        floor = each + once / batch
        print(
            f"\nleast work of the graph: {floor:.2f} MB per image; "
            f"traffic / least = {totals['dram'] / batch / 1e6 / floor:.2f}"
        )
for device, microseconds in totals.items():
    if device not in ("dram", "flops"):
        print(f"{device}: at least {microseconds / batch:.0f} us per image")
