#!/usr/bin/env bash
# Compiles all of tests/static with nvcc, and compares the summaries its build prints with g++'s.
# Usage: nvcc.sh SUMMARIES SOURCE_DIR WORK_DIR; exit status 77: no nvcc here
set -euo pipefail
summaries=$1 source=$2 work=$3/nvcc
command -v nvcc >/dev/null || { echo "skipped: nvcc is not installed"; exit 77; }
mkdir -p "$work"
flags=(-std=c++20 -I"$source/include" -Werror all-warnings -Xcompiler -fopenmp,-Wall,-Wextra,-Werror)
for file in "$source"/tests/static/*.cpp; do
  echo "nvcc $(basename "$file")"
  nvcc "${flags[@]}" -x cu -c "$file" -o "$work/$(basename "$file").o"
done
nvcc "${flags[@]}" -x cu "$source/tests/support/summaries.cpp" -lfmt -o "$work/summaries"
"$work/summaries" >"$work/nvcc.txt"
"$summaries" >"$work/host.txt"
cmp "$work/nvcc.txt" "$work/host.txt"
echo "all of tests/static compiles with nvcc; $(wc -l <"$work/nvcc.txt") lines of summaries are equal"
