#!/usr/bin/env bash
# Fuzzes the readers of weight files, pictures and folders with libFuzzer and the address and
# undefined sanitizers: first the inputs in regressions/, which failed earlier, then fresh ones from
# all harnesses in parallel. Inputs that they find are stored in build/fuzz for the next run.
# Usage: tests/fuzz/run.sh [SECONDS=60] [NAME...]   names: weights, pictures, folders
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
names=("${@:2}")
[ ${#names[@]} -gt 0 ] || names=(weights pictures folders)
scripts/install.sh build clang || exit 1
out=$PWD/build/fuzz
mkdir -p "$out"
declare -A seeds=([weights]="tests/golden/weights/*" [folders]="tests/fuzz/seeds/folders/*"
                  [pictures]="tests/golden/images/*.jpg tests/golden/images/*.png")
declare -A longest=([weights]=16384 [pictures]=8192 [folders]=1024)  # bytes of an input
libraries="-ljansson -lturbojpeg -lpng -lz"

build() {
  # shellcheck disable=SC2086
  ccache clang++ -std=c++20 -O1 -g1 -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS \
    -DFMT_HEADER_ONLY -Iinclude -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
    -c "tests/fuzz/$1.cpp" -o "$out/$1.o" &&
    clang++ -fsanitize=fuzzer,address,undefined "$out/$1.o" $libraries -o "$out/$1"
}
# An input that leaks, or takes ten seconds or two gigabytes, is also a failure.
run() {  # run NAME ARGUMENT...
  mkdir -p "$out/failing/$1"
  "$out/$1" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$out/failing/$1/" \
    -print_final_stats=1 "${@:2}"
}
fuzz() {
  local name=$1 known=(tests/fuzz/regressions/"$1"/*)
  build "$name" || return
  [ -e "${known[0]}" ] || known=()
  echo "$name: ${#known[@]} inputs that once failed"
  [ ${#known[@]} -eq 0 ] || run "$name" "${known[@]}" || return
  mkdir -p "$out/corpus/$name" "$out/seeds/$name"
  # shellcheck disable=SC2086
  cp -f ${seeds[$name]} "$out/seeds/$name"
  run "$name" -max_total_time="$seconds" -max_len="${longest[$name]}" \
    "$out/corpus/$name" "$out/seeds/$name"
}
# The sanitizer must find the deliberate fault.
control() {
  build control || return
  run control -max_total_time=30 && return 1
  grep -q 'AddressSanitizer: use-after-poison' "$out/control.log"
}
jobs=()
for name in "${names[@]}"; do
  fuzz "$name" >"$out/$name.log" 2>&1 &
  jobs+=($!)
done
passed=0 failed=()
if control >"$out/control.log" 2>&1; then
  ((++passed))
  echo "control: passed, the planted fault was found"
else
  failed+=(control)
  tail -n 20 "$out/control.log"
fi
for i in "${!names[@]}"; do
  name=${names[$i]}
  if wait "${jobs[$i]}"; then
    ((++passed)) && verdict=passed
  else
    failed+=("$name") && verdict=FAILED
    tail -n 60 "$out/$name.log"
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log" | tail -n 1)
  covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$out/$name.log" | tail -n 1)
  crashes=$(grep -c 'Test unit written to' "$out/$name.log")
  known=$(sed -n 's/^.*: \([0-9]*\) inputs that once failed/\1/p' "$out/$name.log")
  echo "$name: $verdict, ${executions:-0} executions, ${covered:-no coverage}," \
    "${known:-0} inputs that once failed, $crashes crashes"
done
[ ${#failed[@]} -eq 0 ] || echo "failing inputs are in $out/failing; once mended, copy them to" \
  "tests/fuzz/regressions"
echo "fuzz: $passed passed, ${#failed[@]} failed: ${failed[*]-}"
[ ${#failed[@]} -eq 0 ]
