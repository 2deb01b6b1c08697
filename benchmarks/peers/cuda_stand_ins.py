# SPDX-License-Identifier: MIT
"""Gives PyPI's torch, which is built for CUDA, stand-ins for NVIDIA's libraries, to run on a CPU.

The libraries themselves are 2 GB to download, and loading them would cost PyTorch start-up time and
memory that its CPU build does not need. In a stand-in every function returns 100, which is
cudaErrorNoDevice. Usage: cuda_stand_ins.py TORCH_LIB_FOLDER
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

NO_DEVICE = 100


def readelf(option, library):
    return subprocess.run(
        ["readelf", "-W", option, library], check=True, capture_output=True, text=True
    ).stdout


def needed(libraries):
    """The names of NVIDIA's libraries that these are linked with."""
    pattern = r"\(NEEDED\).*\[(lib(?:cu|nv|nccl)[^]]*)\]"
    return {name for library in libraries for name in re.findall(pattern, readelf("-d", library))}


def versions_of(libraries):
    """Which library each version of a symbol belongs to."""
    owner = {}
    for library in libraries:
        file = None
        for key, name in re.findall(r"(File|Name): (\S+)", readelf("-V", library)):
            if key == "File":
                file = name
            elif file:
                owner[name] = file
    return owner


def undefined(libraries):
    """The symbols that the libraries need from others, as {version or None: symbols}."""
    found = {}
    for library in libraries:
        for symbol in re.findall(r" UND (\S+)", readelf("--dyn-syms", library)):
            name, _, version = symbol.partition("@")
            found.setdefault(version or None, set()).add(name)
    return found


def build(folder, name, versions):
    """Makes a library in which all symbols, by version, are the same function."""
    assembly = [".text", "stand_in:", f"mov ${NO_DEVICE}, %eax", "ret"]
    script = []
    for version, symbols in versions.items():
        for symbol in sorted(symbols):
            assembly += [
                f".globl {symbol}",
                f".type {symbol}, @function",
                f".set {symbol}, stand_in",
            ]
        script.append(f"{version} {{ global: {' '.join(f'{s};' for s in sorted(symbols))} }};")
    with tempfile.TemporaryDirectory() as scratch:
        (source := Path(scratch, "s.s")).write_text("\n".join(assembly) + "\n")
        (exports := Path(scratch, "s.map")).write_text("\n".join(script) + "\n")
        link = (
            [f"-Wl,-soname,{name}", f"-Wl,--version-script={exports}"]
            if script
            else [f"-Wl,-soname,{name}"]
        )
        subprocess.run(
            ["gcc", "-shared", "-nostdlib", *link, "-o", folder / name, source], check=True
        )


def main(folder):
    libraries = sorted(folder.glob("lib*.so"))
    names = needed(libraries) - {library.name for library in libraries}
    wanted = undefined(libraries)
    owner = versions_of(libraries)
    unversioned = {s for s in wanted.get(None, ()) if re.match(r"(cu|nccl|nvshmem)[A-Za-z_]", s)}
    for name in sorted(names):
        versions = {v: s for v, s in wanted.items() if owner.get(v) == name}
        if name.startswith("libcudart"):  # which every user of the others loads too
            versions.setdefault(name, set()).update(unversioned)
        build(folder, name, versions)
    print(f"{folder}: stand-ins for {', '.join(sorted(names))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
