#!/usr/bin/env bash
# Compares frostline with PyTorch, LibTorch, ONNX Runtime, OpenVINO, ncnn and dlib on this machine:
# installs missing packages, builds, checks that all compute the same, and times them in turns.
# Usage: benchmarks/run.sh [OPTIONS]   (--help lists them; --quick takes a few minutes, --networks
# compares other networks than ResNet-18, and --thrust the Thrust backend, on a GPU if there is one)
# It builds in the folder FROSTLINE_BENCHMARKS (build/benchmarks) with JOBS (2) jobs.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${FROSTLINE_BENCHMARKS:-build/benchmarks}
thrust='' gpu=''
case " $* " in *" --thrust "*) thrust=yes gpu=$(nvidia-smi -L 2>/dev/null | head -n 1 || true) ;; esac
environment=$work/venv${gpu:+-cuda}
python=$environment/bin/python
case " $* " in *" -h "* | *" --help "*) exec /usr/bin/python3 benchmarks/run.py --help ;; esac

say() { echo "[$SECONDS s] $*" >&2; }

scripts/install.sh build benchmarks >&2
mkdir -p "$work"
# Installs the newest versions, once. Without a GPU, PyTorch is installed without NVIDIA's libraries,
# which it does not need on a CPU (see cuda_stand_ins.py).
if ! [ -f "$environment/complete-2" ]; then
  say "installing PyTorch and the other peers from PyPI, about 750 MB${gpu:+, and 3 GB of CUDA libraries}"
  /usr/bin/python3 -m venv --clear "$environment"
  pip=("$environment/bin/pip" install --quiet --disable-pip-version-check)
  "${pip[@]}" numpy matplotlib onnx onnxruntime onnxscript openvino ncnn \
    filelock typing-extensions 'setuptools>=77' sympy networkx jinja2 fsspec
  "${pip[@]}" --no-deps pnnx  # it would install PyTorch with CUDA
  if [ -n "$gpu" ]; then
    "${pip[@]}" torch
  else
    "${pip[@]}" --no-deps torch
    "$python" benchmarks/peers/cuda_stand_ins.py "$("$python" -c '
import importlib.util
print(importlib.util.find_spec("torch").submodule_search_locations[0])')/lib" >&2
  fi
  touch "$environment/complete-2"
fi

configure() {  # configure FOLDER OPTIONS...
  cmake --preset gcc -B "$@" -DFROSTLINE_BUILD_TESTS=OFF -DFROSTLINE_BUILD_EXAMPLES=OFF \
    -DFROSTLINE_BUILD_BENCHMARKS=ON >"$work/configure.log" ||
    { cat "$work/configure.log" >&2; exit 1; }
}
build() {  # build FOLDER OPTIONS...
  cmake --build "$@" --parallel "${JOBS:-2}" >"$work/build.log" ||
    { cat "$work/build.log" >&2; exit 1; }
}
if [ -n "$thrust" ]; then
  [ -n "$gpu" ] || scripts/install.sh thrust >&2
  say "building the programs with Thrust${gpu:+ by nvcc}"
  configure "$work/build${gpu:+-cuda}" ${gpu:+-DFROSTLINE_CUDA=ON}
  build "$work/build${gpu:+-cuda}" --target machine thrust_contestants
else
  say "building"
  configure "$work/build" -DFROSTLINE_TORCH="$("$python" -c 'import torch; print(torch.__path__[0])')"
  case " $* " in
    *" --networks"*) build "$work/build" --target machine backbones ;;
    *) build "$work/build" ;;
  esac
fi

exec "$python" benchmarks/run.py --work "$work" "$@"
