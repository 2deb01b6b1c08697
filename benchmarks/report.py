# SPDX-License-Identifier: MIT
"""Writes the measurements of run.py as text tables, as JSON and as a chart."""

import json

# An image of 224x224 forward, counted as direct convolutions.
GFLOP_AN_IMAGE = {
    "resnet18": 3.63,
    "resnet50": 8.18,
    "mobilenet_v2": 0.60,
    "efficientnet_lite0": 0.77,
    "vit_b_16": 35.1,
}
TITLES = {
    "head": "head-only step",
    "layer4": "last stage + head step",
    "all": "whole-network step",
    "inference": "inference",
    "epochs": "ten epochs, head only",
}
FIGURES = ("seconds", "first", "peak_mb")


def title(cell):
    threads = "1 thread" if cell["threads"] == 1 else f"{cell['threads']} threads"
    return f"{cell['network']}, {TITLES[cell['row']]}, batch {cell['batch']}, {threads}"


def by_peer(cell):
    """{column: {figure: (best value, variant)}}; a peer's best variant may differ by figure."""
    columns = {}
    for one in cell["contestants"]:
        names = [
            f"frostline {one['variant']}"
            if one["peer"] == "frostline"
            else one["peer"] + " (unchecked)" * (not one["checked"])
        ]
        if one["variant"] == "plain" and not one["jemalloc"]:
            names.append("PyTorch plain eager")
        for name in names:
            column = columns.setdefault(name, {})
            variant = one["variant"] + " + jemalloc" * one["jemalloc"]
            for figure in FIGURES:
                candidate = (one[figure], variant)
                if one["kept"] or figure != "seconds":
                    column[figure] = min(column.get(figure, candidate), candidate)
    return columns


def print_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(
                text.ljust(width) if i == 0 or i == len(line) - 1 else text.rjust(width)
                for i, (text, width) in enumerate(zip(line, widths))
            ).rstrip()
        )


def print_cell(cell, peaks):
    columns, images = by_peer(cell), 2560 if cell["row"] == "epochs" else cell["batch"]
    ours = columns["frostline default"]
    print(f"\n{title(cell)}; processes: {cell['rounds']}, timed steps in each: {cell['steps']}")
    lines = [("", "ms", "ratio", "images/s", "peak MB", "ratio", "first s", "ratio", "variant")]
    for name, best in columns.items():
        seconds, first, peak = (best[figure][0] for figure in FIGURES)
        lines.append(
            (
                name,
                f"{1e3 * seconds:.1f}",
                f"{seconds / ours['seconds'][0]:.2f}",
                f"{images / seconds:.1f}",
                f"{peak:.0f}",
                f"{peak / ours['peak_mb'][0]:.2f}",
                f"{first:.2f}",
                f"{first / ours['first'][0]:.2f}",
                best["seconds"][1],
            )
        )
    print_table(lines)
    if cell["row"] == "inference":
        rate = GFLOP_AN_IMAGE[cell["network"]] * cell["batch"] / ours["seconds"][0]
        peak = next(p["gflops"] for p in peaks if p["threads"] == cell["threads"])
        print(f"frostline's effective rate: {rate:.0f} GFLOP/s, {rate / peak:.2f} FMA peaks")


BACKBONE_GOALS = {
    ("resnet50", "inference", 1): (1.25, 1.5),
    ("resnet50", "inference", 32): (1.4, 1.7),
    ("mobilenet_v2", "inference", 1): (1.0, 1.3),
    ("mobilenet_v2", "inference", 32): (1.1, 1.4),
    ("efficientnet_lite0", "inference", 1): (1.0, 1.2),
    ("efficientnet_lite0", "inference", 32): (1.15, 1.35),
    ("mobilenet_v2", "layer4", 32): (2, 3),
    ("mobilenet_v2", "all", 32): (2, 3),
    ("efficientnet_lite0", "layer4", 32): (2, 3),
    ("efficientnet_lite0", "all", 32): (2, 3),
}


def backbone_goals(result):
    """As `goals`, for the networks other than ResNet-18: against the fastest peer of a cell."""
    for cell in result["cells"]:
        wanted = BACKBONE_GOALS.get((cell["network"], cell["row"], cell["batch"]))
        if wanted is None:
            continue
        seconds = {name: best["seconds"][0] for name, best in by_peer(cell).items()}
        ours = seconds.pop("frostline default")
        fastest = min(seconds, key=seconds.get, default=None)
        yield f"{title(cell)}: {fastest}", fastest and seconds[fastest] / ours, *wanted


def goals(result):
    """(what, ratio or None, must, aim) for each goal that the project has set itself."""
    if all(cell["network"] != "resnet18" for cell in result["cells"]):
        yield from backbone_goals(result)
        return
    cells = {(c["row"], c["batch"], c["threads"]): by_peer(c) for c in result["cells"]}
    peak = {p["threads"]: p["gflops"] for p in result["machine"]["peaks"]}

    def ratio(row, batch, peer, figure="seconds"):
        columns = cells.get((row, batch, 2), {})
        if peer not in columns or "frostline default" not in columns:
            return None
        return columns[peer][figure][0] / columns["frostline default"][figure][0]

    def default(row, batch, threads):
        column = cells.get((row, batch, threads), {}).get("frostline default")
        return column["seconds"][0] if column else None

    for batch, must in ((1, 2.0), (5, 2.2), (32, 2.3)):
        yield (
            f"head-only step, batch {batch}, best PyTorch",
            ratio("head", batch, "PyTorch"),
            must,
            3,
        )
    fastest = cells.get(("head", 32, 2), {}).get("frostline fastest")
    yield (
        "head-only step, batch 32, best PyTorch, frostline fastest",
        fastest and ratio("head", 32, "PyTorch")
        and cells["head", 32, 2]["PyTorch"]["seconds"][0] / fastest["seconds"][0],
        2.5,
        3.3,
    )
    yield (
        "head-only step, batch 5, plain eager PyTorch",
        ratio("head", 5, "PyTorch plain eager"),
        5,
        8,
    )
    yield "layer4 + head step, batch 32, best PyTorch", ratio("layer4", 32, "PyTorch"), 1.6, 2.2
    yield "whole-network step, batch 32, best PyTorch", ratio("all", 32, "PyTorch"), 1.2, 1.6
    yield "ten epochs, PyTorch without a cache", ratio("epochs", 32, "PyTorch"), 15, 25
    yield (
        "ten epochs, PyTorch cached by hand",
        ratio("epochs", 32, "PyTorch, cached by hand"),
        2.0,
        3,
    )
    seconds = default("inference", 32, 2)
    yield (
        "frozen forward, batch 32, in FMA peaks",
        seconds and GFLOP_AN_IMAGE["resnet18"] * 32 / seconds / peak[2],
        1.9,
        2.4,
    )
    one, two = default("head", 32, 1), default("head", 32, 2)
    yield "two threads against one, head-only step, batch 32", one and two and one / two, 1.7, 1.9
    yield (
        "peak memory, head-only step, batch 32, best PyTorch",
        ratio("head", 32, "PyTorch", "peak_mb"),
        2.5,
        5,
    )
    yield (
        "start to first loss, head-only step, batch 5, best PyTorch",
        ratio("head", 5, "PyTorch", "first"),
        5,
        20,
    )


def print_goals(result):
    lines = [("goal (2 threads; default configuration)", "ratio", "must", "aim", "")]
    for what, ratio, must, aim in goals(result):
        verdict = (
            ""
            if ratio is None
            else "missed"
            if ratio < must
            else "reached"
            if ratio < aim
            else "aim"
        )
        lines.append(
            (what, "-" if ratio is None else f"{ratio:.2f}", f"{must:g}", f"{aim:g}", verdict)
        )
    print()
    print_table(lines)


def label(rate, ours):
    if rate == ours:
        return f"{rate:.3g}"
    slower = "slower" if rate < ours else "faster"
    return f"{rate:.3g}  ({max(ours / rate, rate / ours):.1f}x {slower})"


def chart(result, path):
    """Images per second at 2 threads: a panel for each row, its largest batch; longer is better."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "frostline",
            "font.family": "sans-serif",
            "font.size": 10,
        }
    )
    from matplotlib import pyplot

    cells = {}
    for cell in result["cells"]:
        panel = cell["network"], cell["row"]
        best = cells.get(panel)
        if best is None or (cell["threads"], cell["batch"]) > (best["threads"], best["batch"]):
            cells[panel] = cell
    cells = [cells[panel] for row in TITLES for panel in cells if panel[1] == row]
    counts = [len(by_peer(cell)) for cell in cells]
    figure, panels = pyplot.subplots(
        len(cells),
        figsize=(8, sum(0.26 * count + 0.6 for count in counts) + 0.5),
        squeeze=False,
        height_ratios=counts,
        layout="constrained",
    )
    for panel, cell in zip(panels[:, 0], cells):
        columns, images = by_peer(cell), 2560 if cell["row"] == "epochs" else cell["batch"]
        rates = {name: images / best["seconds"][0] for name, best in columns.items()}
        ours = rates["frostline default"]
        names = sorted(rates, key=rates.get)
        colors = ["#0b6bcb" if name.startswith("frostline") else "#b4bcc6" for name in names]
        bars = panel.barh(names, [rates[name] for name in names], color=colors, height=0.72)
        panel.bar_label(bars, [label(rates[name], ours) for name in names], padding=4)
        panel.set_title(title(cell), loc="left", fontweight="bold", fontsize=10)
        panel.set_xlim(0, 1.25 * max(rates.values()))
        panel.spines[["top", "right", "bottom", "left"]].set_visible(False)
        panel.tick_params(length=0, labelbottom=False)
    about, versions = result["machine"], result["machine"]["versions"]
    figure.suptitle(
        "Networks at 224x224, float32: images per second, longer is better",
        x=0.02,
        ha="left",
        fontweight="bold",
    )
    figure.supxlabel(
        f"{about['processor']}, {about['cores']} cores; PyTorch {versions['PyTorch']}, "
        f"ONNX Runtime {versions['ONNX Runtime']}; each peer's best variant",
        fontsize=8,
        x=0.02,
        ha="left",
    )
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def print_cells(result):
    about = result["machine"]
    print(
        f"{about['processor']}, {about['cores']} cores; "
        + "; ".join(
            f"on {p['threads']}: {p['gflops']:.0f} GFLOP/s, {p['gbytes']:.0f} GB/s"
            for p in about["peaks"]
        )
    )
    print(
        "; ".join(f"{name} {version}" for name, version in about["versions"].items())
        + ". Ratios: to frostline's default configuration; above 1, frostline is ahead."
    )
    for cell in result["cells"]:
        print_cell(cell, about["peaks"])


def write(result, folders, name):
    """Prints the tables, and writes NAME.json and NAME.svg into the folders."""
    print_cells(result)
    print_goals(result)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        chart(result, folder / f"{name}.svg")
        print(f"{folder}/{name}.json and {name}.svg are written")
