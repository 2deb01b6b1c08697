#!/usr/bin/env bash
# The README's first program compiles, warnings being errors.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR INCLUDE_DIR...
set -euo pipefail
compiler=$1 source=$2 work=$3/readme
shift 3
mkdir -p "$work"
includes=(-I"$source/include")
for directory in "$@"; do includes+=(-isystem "$directory"); done
sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '/^```/d' >"$work/program.cpp"
grep -q 'int main' "$work/program.cpp"
"$compiler" -std=c++20 -fopenmp -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only \
  "${includes[@]}" "$work/program.cpp"
echo "the README's program compiles"
