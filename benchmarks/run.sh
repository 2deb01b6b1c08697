#!/usr/bin/env bash
# Compares frostline with PyTorch, LibTorch, ONNX Runtime and dlib on this machine: installs what is
# missing, builds, checks that all compute the same, and times them in turns.
# Usage: benchmarks/run.sh [OPTIONS]   (--help lists them; --quick takes a few minutes)
# FROSTLINE_BENCHMARKS (build/benchmarks) is where it builds, and JOBS (2) how many at once.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${FROSTLINE_BENCHMARKS:-build/benchmarks}
python=$work/venv/bin/python
case " $* " in *" -h "* | *" --help "*) exec /usr/bin/python3 benchmarks/run.py --help ;; esac

say() { echo "[$SECONDS s] $*" >&2; }

scripts/install.sh build benchmarks >&2
mkdir -p "$work"
# The newest versions that there are, once. PyTorch comes without NVIDIA's libraries, which it does
# not need on a CPU; cuda_stand_ins.py says how.
if ! [ -f "$work/venv/complete" ]; then
  say "installing PyTorch and ONNX Runtime from PyPI, about 650 MB"
  /usr/bin/python3 -m venv --clear "$work/venv"
  pip=("$work/venv/bin/pip" install --quiet --disable-pip-version-check)
  "${pip[@]}" numpy matplotlib onnx onnxruntime onnxscript \
    filelock typing-extensions 'setuptools>=77' sympy networkx jinja2 fsspec
  "${pip[@]}" --no-deps torch
  "$python" benchmarks/peers/cuda_stand_ins.py "$("$python" -c '
import importlib.util
print(importlib.util.find_spec("torch").submodule_search_locations[0])')/lib" >&2
  touch "$work/venv/complete"
fi
torch=$("$python" -c 'import torch; print(torch.__path__[0])')

say "building"
cmake --preset gcc -B "$work/build" -DFROSTLINE_BUILD_TESTS=OFF -DFROSTLINE_BUILD_EXAMPLES=OFF \
  -DFROSTLINE_BUILD_BENCHMARKS=ON -DFROSTLINE_TORCH="$torch" >"$work/configure.log" ||
  { cat "$work/configure.log" >&2; exit 1; }
cmake --build "$work/build" --parallel "${JOBS:-2}" >"$work/build.log" ||
  { cat "$work/build.log" >&2; exit 1; }

say "weights and models"
"$python" benchmarks/peers/prepare.py "$work/models" 1 5 32 >"$work/prepare.log" 2>&1 ||
  { cat "$work/prepare.log" >&2; exit 1; }
exec "$python" benchmarks/run.py --work "$work" "$@"
