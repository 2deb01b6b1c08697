#!/usr/bin/env bash
# The README's program is examples/folder.cpp, of at most 25 lines; it compiles, warnings being
# errors, and fine-tunes on a folder of pictures.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR
set -euo pipefail
compiler=$1 source=$2 work=$3/readme
mkdir -p "$work"
sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '/^```/d' >"$work/program.cpp"
grep -q 'int main' "$work/program.cpp"
diff "$work/program.cpp" <(tail -n +3 "$source/examples/folder.cpp")
[ "$(wc -l <"$source/examples/folder.cpp")" -le 25 ]
quiet=(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized)  # g++ 12's
[[ $("$compiler" --version) != *clang* ]] || quiet=()
"$compiler" -std=c++20 -O2 -march=native -fopenmp -Wall -Wextra -Wpedantic -Wconversion -Werror "${quiet[@]}" \
  -I"$source/include" "$work/program.cpp" -o "$work/program" -lfmt -ljansson -lturbojpeg -lpng -lz
cd "$work"
rm -f finetuned.safetensors
GOMP_SPINCOUNT=1000 ./program "$source/examples/data/clipart10" \
  "$source/examples/data/resnet18-w16.safetensors" | tee printed.txt
[ -s finetuned.safetensors ]
grep -Eq '^[3-9][0-9]\.[0-9] % are right$' printed.txt  # chance is 10 %
echo "the README's program compiles and runs"
