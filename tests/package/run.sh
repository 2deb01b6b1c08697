#!/usr/bin/env bash
# Installs the package into a folder of its own and builds a consumer against it.
# Usage: tests/package/run.sh [BUILD_DIR=build/gcc]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
work=$build/package
rm -rf "$work"
cmake --install "$build" --prefix "$work/installed"
cmake -S tests/package -B "$work/consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$PWD/$work/installed"
cmake --build "$work/consumer"
GOMP_SPINCOUNT=1000 "$work/consumer/consumer"
echo "the installed package serves a consumer"
