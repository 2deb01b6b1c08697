#!/usr/bin/env bash
# The head-only tutorial holds no gradient kernel of convolution, batch norm or pooling; the same
# tutorial with everything training, the positive control, does.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR
set -euo pipefail
compiler=$1 source=$2 work=$3/absence
mkdir -p "$work"
kernels='frostline::Kernel<frostline::[a-z0-9_]*::cpu, frostline::(Conv2d|BatchNorm2d|MaxPool2d)<.*>.*::(input_gradient|parameter_gradient)<'
count() {  # count NAME FLAG...
  local name=$1
  shift
  "$compiler" -std=c++20 -O0 -fno-inline -fopenmp -I"$source/include" "$@" \
    -c "$source/examples/tutorial.cpp" -o "$work/$name.o"
  nm -C "$work/$name.o" >"$work/$name.txt"
  grep -cE "$kernels" "$work/$name.txt" || true
}
frozen=$(count head_only)
all=$(count everything -DTRAIN_ALL)
forward=$(grep -cE 'Kernel<frostline::[a-z0-9_]*::cpu, frostline::Conv2d<.*>.*::forward<' "$work/head_only.txt")
echo "gradient kernels of Conv2d, BatchNorm2d and MaxPool2d: $frozen head-only, $all all-trainable;"
echo "forward kernels of Conv2d in the head-only object: $forward"
[ "$frozen" -eq 0 ] && [ "$all" -ge 30 ] && [ "$forward" -ge 10 ]
