#!/usr/bin/env bash
# The CPU kernels' unit tests for every width of vectors: AVX-512, AVX2, NEON, SSE as the fallback,
# g++ and clang++. NEON runs under qemu. AVX-512 runs where the processor has it (by clang++ in the
# preset sanitize); elsewhere the compilers check it, and its width of sixteen floats runs in AVX2's
# instructions.
# Usage: tests/vectors/run.sh [NAME...]   names: see the table below
set -uo pipefail
cd "$(dirname "$0")/../.."
scripts/install.sh build clang neon || exit 1
out=build/vectors
mkdir -p $out
common="-std=c++20 -fopenmp -DFMT_HEADER_ONLY -Wall -Wextra -Wno-psabi
        -Iinclude -Itests"
# Not what reads files: that needs libraries for each processor.
: >$out/tests.cpp
for source in tests/unit/backend/*.cpp; do
  grep -q 'frostline/\(io\|checkpoint\|data\)/\|support/golden\|frostline/frostline.hpp\|swish' "$source" ||
    echo "#include \"$PWD/$source\"" >>$out/tests.cpp
done
declare -A quickly=([tests/support/main.cpp]=-O0)  # Catch2's own code
passed=() failed=() skipped=() known=()

check() {  # check NAME COMPILER RUNNER FLAGS...; a RUNNER may be none
  local name=$1 compiler=$2 runner=$3 start=$SECONDS source objects=()
  shift 3
  known+=("$name")
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return
  if [ "$runner" = none ]; then
    # shellcheck disable=SC2086
    if "$compiler" $common "$@" -fsyntax-only $out/tests.cpp; then
      skipped+=("$name (checked by the compiler; this processor has no AVX-512)")
    else
      failed+=("$name")
    fi
  else
    for source in $out/tests.cpp tests/support/main.cpp; do
      objects+=("$out/$name-$(basename "$source" .cpp).o")
      # shellcheck disable=SC2086
      ccache "$compiler" $common "$@" ${quickly[$source]-} -c "$source" -o "${objects[-1]}" ||
        { failed+=("$name"); return; }
    done
    if "$compiler" -fopenmp "$@" "${objects[@]}" -o $out/"$name" && $runner $out/"$name"; then
      passed+=("$name")
    else
      failed+=("$name")
    fi
  fi
  echo "==== $name took $((SECONDS - start)) s"
}
wanted=("$@")
if grep -q avx512f /proc/cpuinfo; then
  check avx512 g++ env -O2 -march=x86-64-v4
else
  check avx512 g++ none -O2 -march=x86-64-v4
  check avx512-clang clang++ none -O1 -march=x86-64-v4
  check sixteen g++ env -O1 -march=x86-64-v3 -DFROSTLINE_LANES=16
fi
check avx2 g++ env -O2 -march=x86-64-v3
check avx2-clang clang++ env -O2 -march=x86-64-v3
check fallback g++ env -O1
check neon aarch64-linux-gnu-g++ "env GOMP_SPINCOUNT=0 qemu-aarch64-static" -O2 -static \
  -idirafter /usr/include
for name in "$@"; do
  [[ " ${known[*]} " == *" $name "* ]] || failed+=("$name (not one of ${known[*]} on this processor)")
done
echo "vectors: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}, ${#skipped[@]} skipped: ${skipped[*]-}"
[ ${#failed[@]} -eq 0 ]
