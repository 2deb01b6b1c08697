#!/usr/bin/env bash
# Positive controls of the thread sanitizer: it finds nothing in a correct team, but finds a missing
# barrier, and a barrier with an atomic operation that does not order memory.
# Usage: check.sh COMPILER SOURCE_DIR WORK_DIR
set -uo pipefail
compiler=$1 source=$2 work=$3/threads
build() {  # build NAME FLAG...
  "$compiler" -std=c++20 -O1 -g1 -fopenmp -fsanitize=thread "${@:2}" -I"$source/include" \
    "$source/tests/threads/team.cpp" -o "$work/$1"
}
status=0
expect() {  # expect YES_OR_NO COMMAND...: is a race reported?
  local text found=no
  text=$("${@:2}" 2>&1) || found=yes
  echo "a race in $(basename "$2") ${*:3}: $found"
  [ $found = "$1" ] && [[ $found == no || $text == *"data race"*"team.cpp"* ]] && return
  echo "expected: $1; it printed: $text"
  status=1
}
mkdir -p "$work"
build sound || exit 1
expect no "$work/sound"
expect yes "$work/sound" without the barrier
for order in acq_rel release acquire; do
  mkdir -p "$work/relaxed/frostline/core"
  sed "s/memory_order_$order/memory_order_relaxed/" "$source/include/frostline/core/team.hpp" \
    >"$work/relaxed/frostline/core/team.hpp"
  build "relaxed_$order" -I"$work/relaxed" || exit 1
  expect yes "$work/relaxed_$order"
done
exit $status
