#!/usr/bin/env bash
# Positive controls of the address and undefined-behaviour sanitizers: they find nothing in a correct
# program, but a leak in a team of threads, a read past the end and an offset to a null pointer end
# it.
# Usage: check.sh SOURCE_DIR WORK_DIR COMPILER FLAG...
set -uo pipefail
source=$1 work=$2/sanitize
mkdir -p "$work"
"${@:3}" -std=c++20 -O1 -fopenmp "$source/tests/sanitize/mistakes.cpp" -o "$work/mistakes" || exit 1
status=0
expect() {  # expect MISTAKE WORDS: the program ends with an error that has these words, or with none
  local text found=0
  text=$("$work/mistakes" "$1" 2>&1) || found=1
  echo "$1: ended with $found"
  if [ -z "$2" ]; then [ $found = 0 ]; else [ $found = 1 ] && [[ $text == *"$2"* ]]; fi && return
  echo "expected: '$2'; it printed: $text"
  status=1
}
expect none ""
expect leak "leaked in 3 allocation(s)"
expect overflow "heap-buffer-overflow"
expect null "null pointer"
exit $status
