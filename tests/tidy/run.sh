#!/usr/bin/env bash
# Runs clang-tidy on src/ and some examples, and so on the headers that they include. First it must
# find the mistake in a small program.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/install.sh build tidy
tidy() {  # tidy FILE [FLAG...]: prints what it finds, and fails if it finds anything
  local found
  found=$(clang-tidy --quiet "$1" -- -std=c++20 -fopenmp -march=native -DFMT_HEADER_ONLY \
    -Iinclude -Iexamples -isystem /usr/include/eigen3 "${@:2}" 2>&1) && echo "$1: nothing" && return
  grep -E "error:|warning:" -A 4 <<<"$found" || echo "$found"
  return 1
}
mkdir -p build/tidy
cp .clang-tidy build/tidy/
cat >build/tidy/control.cpp <<'END'
#include <string>
#include <utility>
std::size_t sizes(std::string text) {
  const std::string other = std::move(text);
  return other.size() + text.size();
}
END
if [[ $(tidy build/tidy/control.cpp) != *bugprone-use-after-move* ]]; then
  echo "tidy: failed: a use after a move is not found"
  exit 1
fi
failed=0
for file in src/{weights,images}.cpp examples/{finetune,segment,support/finetuning}.cpp; do
  tidy "$file" || failed=1
done
# The other files of instructions have the same code.
tidy src/cpu_avx2_fma.cpp -march=x86-64 -mavx2 -mfma || failed=1
[ $failed = 0 ] && echo "tidy: passed"
