#!/usr/bin/env bash
# A model of training on a GPU, not a measurement: the least work of a step according to its graph,
# and the work of our kernels in a head-only step according to ptx-cpu's counts.
# Usage: benchmarks/cuda/model.sh [BATCH=4]   environment: as tests/cuda/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
batch=${1:-4}
export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
export PATH=$PATH:$CUDA_HOME/bin
out=build/cuda
tool=${PTX_CPU_DIR:-../shared/tools/ptx-cpu}
scripts/install.sh build thrust
mkdir -p $out
thrust=$CUDA_HOME/include/cccl
if [ ! -d "$thrust" ]; then
  scripts/install.sh thrust
  thrust=/usr/include
fi
g++ -std=c++20 -O1 -fopenmp -DFMT_HEADER_ONLY -Iinclude -isystem "$thrust" \
  -isystem /usr/include/eigen3 benchmarks/cuda/model.cpp -ljansson -lz -o $out/model
$out/model 32
command -v nvcc >/dev/null || { echo "no counts: nvcc is not installed"; exit 0; }
libraries=$out/ptx-cpu/build
[ ! -f "$tool/build/libcudart.so.13" ] || libraries=$tool/build
[ -f "$libraries/libcudart.so.13" ] || { echo "no counts: run tests/cuda/run.sh, which builds ptx-cpu"; exit 0; }
nvcc -std=c++20 -O1 -gencode arch=compute_75,code=compute_75 -cudart shared --compress-mode=none \
  -DFMT_HEADER_ONLY -Iinclude benchmarks/cuda/step.cu -Xcompiler -fopenmp -lcublas -ljansson -lz \
  -o $out/step
for steps in 1 2; do
  LD_LIBRARY_PATH=$libraries PTX_CPU_CHECK=0 PTX_CPU_PROFILE=$out/profile-$steps.json \
    $out/step "$batch" $steps >/dev/null
done
python3 benchmarks/cuda/report.py "$batch" $out/profile-1.json $out/profile-2.json $out/model
