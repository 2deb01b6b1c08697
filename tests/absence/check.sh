#!/usr/bin/env bash
# The head-only tutorial has no gradient kernel of convolution, batch norm or pooling. The positive
# control, the same tutorial in which everything trains, has them. If only biases train, there is no
# gradient of weights.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR
set -euo pipefail
compiler=$1 source=$2 work=$3/absence
mkdir -p "$work"
kernels='frostline::Kernel<frostline::[a-z0-9_]*::cpu, frostline::(Conv2d|BatchNorm2d|MaxPool2d)<.*>.*::(input_gradient|parameter_gradient)<'
compile() {  # compile NAME SOURCE FLAG...
  local name=$1 program=$2
  shift 2
  "$compiler" -std=c++20 -O0 -fno-inline -fopenmp -I"$source/include" "$@" \
    -c "$source/$program" -o "$work/$name.o"
  nm -C "$work/$name.o" >"$work/$name.txt"
}
count() { grep -cE "$2" "$work/$1.txt" || true; }  # count NAME PATTERN
compile head_only examples/tutorial.cpp
compile everything examples/tutorial.cpp -DTRAIN_ALL
frozen=$(count head_only "$kernels")
all=$(count everything "$kernels")
forward=$(count head_only 'Kernel<frostline::[a-z0-9_]*::cpu, frostline::Conv2d<.*>.*::forward<')
echo "gradient kernels of Conv2d, BatchNorm2d and MaxPool2d: $frozen head-only, $all all-trainable;"
echo "forward kernels of Conv2d in the head-only object: $forward"
compile biases tests/absence/biases.cpp
compile weights tests/absence/biases.cpp -DTRAIN_ALL
weights='(winograd|direct|planes|im2col|linear)_weight_gradient'
biases=$(count biases 'bias_gradient')
none=$(count biases "$weights")
some=$(count weights "$weights")
echo "functions of weights' gradients: $none where only biases train, $some where all do;"
echo "of biases' gradients where only biases train: $biases"
[ "$frozen" -eq 0 ] && [ "$all" -ge 30 ] && [ "$forward" -ge 10 ] &&
  [ "$none" -eq 0 ] && [ "$some" -ge 4 ] && [ "$biases" -ge 2 ]
