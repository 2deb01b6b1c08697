#!/usr/bin/env bash
# Installs the package into a folder of its own and builds a consumer against it: from the headers
# only and with frostline::compiled, which must print the same.
# Usage: tests/package/run.sh [BUILD_DIR=build/gcc]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
work=$build/package
pictures=$PWD/examples/data/clipart10/val
rm -rf "$work"
cmake --install "$build" --prefix "$work/installed"
cmake -S tests/package -B "$work/consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$PWD/$work/installed"
cmake --build "$work/consumer"
cd "$work/consumer"
export GOMP_SPINCOUNT=1000
./consumer "$pictures" >consumer.txt || { cat consumer.txt && exit 1; }
./compiled_consumer "$pictures" >compiled.txt
diff consumer.txt compiled.txt
sed -n '1p;$p' consumer.txt

# With the library, a program's own files have no reader of weights; from the headers only, they do.
count() { nm -C "CMakeFiles/$1.dir/main.cpp.o" | grep -c ' [TW] frostline::read_weights(' || true; }
echo "read_weights in main.cpp: $(count consumer) from headers, $(count compiled_consumer) compiled"
[ "$(count consumer) $(count compiled_consumer)" = "1 0" ]
echo "the installed package serves a consumer, with and without frostline::compiled"
