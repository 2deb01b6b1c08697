#!/usr/bin/env bash
# Files of one program may be compiled for different instruction sets: here the most basic one and
# this machine's. Both link orders are tested, since a linker takes the first of two equal names.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR; exit status 77: this machine has only one width
set -euo pipefail
compiler=$1 source=$2 work=$3/instruction_sets
mkdir -p "$work"
if ! "$compiler" -march=native -dM -E -x c++ /dev/null | grep __AVX__ >/dev/null; then
  echo "skipped: this machine's vectors are as wide as the plainest"
  exit 77
fi
build() {  # build NAME FLAG...: an object; functions are not inlined, so that equal names can clash
  "$compiler" -std=c++20 -O1 -fno-inline-functions -w -fopenmp -I"$source/include" "${@:2}" \
    -c "$source/tests/instruction_sets/model.cpp" -o "$work/$1.o"
}
build plain -DRUN=run_plain -march=x86-64
build native -DRUN=run_native -march=native
"$compiler" -std=c++20 -O1 -c "$source/tests/instruction_sets/main.cpp" -o "$work/main.o"
for order in "plain native" "native plain"; do
  objects=()
  for name in $order; do objects+=("$work/$name.o"); done
  "$compiler" -fopenmp "$work/main.o" "${objects[@]}" -lfmt -ljansson -lz -o "$work/program"
  echo "linked as $order:"
  "$work/program"
done
