#!/usr/bin/env bash
# The CPU kernels' unit tests for every width of vectors: AVX-512, AVX2, NEON, SSE as the fallback,
# g++ and clang++. NEON runs under qemu; AVX-512 runs where the processor has it, and its width of
# sixteen floats everywhere, in AVX2's instructions.
# Usage: tests/vectors/run.sh [NAME...]   names: see the table below
set -uo pipefail
cd "$(dirname "$0")/../.."
scripts/install.sh build clang neon || exit 1
out=build/vectors
mkdir -p $out
common="-std=c++20 -O2 -fopenmp -DFMT_HEADER_ONLY -Wall -Wextra -Wno-psabi
        -Iinclude -Itests"
# Not what reads files: that needs libraries for each processor.
sources=(tests/support/main.cpp)
for source in tests/unit/backend/*.cpp; do
  grep -q 'frostline/\(io\|checkpoint\|data\)/\|support/golden\|frostline/frostline.hpp\|swish' "$source" || sources+=("$source")
done
passed=() failed=() skipped=()

check() {  # check NAME COMPILER RUNNER FLAGS...
  local name=$1 compiler=$2 runner=$3 start=$SECONDS objects=()
  shift 3
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return
  local jobs=()
  for source in "${sources[@]}"; do
    object=$out/$name-$(basename "$source" .cpp).o
    objects+=("$object")
    # shellcheck disable=SC2086
    ccache "$compiler" $common "$@" -c "$source" -o "$object" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || { failed+=("$name"); return; }
  done
  "$compiler" -fopenmp "$@" "${objects[@]}" -o $out/"$name" ||
    { failed+=("$name"); return; }
  if [ "$runner" = none ]; then
    skipped+=("$name (built; this processor has no AVX-512)")
  elif $runner $out/"$name"; then
    passed+=("$name")
  else
    failed+=("$name")
  fi
  echo "==== $name took $((SECONDS - start)) s"
}
wanted=("$@")
avx512=none
grep -q avx512f /proc/cpuinfo && avx512=env
quickly=()
[ "$avx512" != none ] || quickly=(-O1)  # what is only built
check avx512 g++ "$avx512" -march=x86-64-v4 ${quickly[@]+"${quickly[@]}"}
check avx512-clang clang++ "$avx512" -march=x86-64-v4 ${quickly[@]+"${quickly[@]}"}
check sixteen g++ env -march=x86-64-v3 -DFROSTLINE_LANES=16
check avx2 g++ env -march=x86-64-v3
check avx2-clang clang++ env -march=x86-64-v3
check fallback g++ env
check neon aarch64-linux-gnu-g++ "env GOMP_SPINCOUNT=0 qemu-aarch64-static" -static \
  -idirafter /usr/include
echo "vectors: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}, ${#skipped[@]} skipped: ${skipped[*]-}"
[ ${#failed[@]} -eq 0 ]
