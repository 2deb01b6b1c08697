#!/usr/bin/env bash
# Installs missing packages, builds, and runs all tests. Usage: tests/run.sh [PRESET=gcc]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-gcc}
scripts/install.sh build thrust
[[ $preset == gcc ]] || scripts/install.sh clang
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset"
