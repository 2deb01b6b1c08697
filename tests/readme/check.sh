#!/usr/bin/env bash
# The README's first program compiles, warnings being errors.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR
set -euo pipefail
compiler=$1 source=$2 work=$3/readme
mkdir -p "$work"
sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '/^```/d' >"$work/program.cpp"
grep -q 'int main' "$work/program.cpp"
"$compiler" -std=c++20 -fopenmp -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only \
  -I"$source/include" "$work/program.cpp"
echo "the README's program compiles"
