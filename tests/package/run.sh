#!/usr/bin/env bash
# Installs the package into a folder of its own and builds a consumer against it: from the headers
# only and with frostline::compiled, which must print the same; then consumers of components, with
# and without their libraries.
# Usage: tests/package/run.sh [BUILD_DIR=build/gcc]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
work=$build/package
pictures=$PWD/examples/data/clipart10/val
rm -rf "$work"
cmake --install "$build" --prefix "$work/installed"
# A linker takes what several members of the library have from the first one, which must be one
# without AVX.
if [ "$(uname -m)" = x86_64 ]; then
  library=$(find "$work/installed" -name libfrostline.a)
  ar t "$library" | grep -m 1 cpu_ | grep -x cpu_plain.cpp.o || { ar t "$library" && exit 1; }
fi
configure() {
  cmake -S tests/package -B "$work/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$PWD/$work/installed" "${@:2}"
}
configure consumer
cmake --build "$work/consumer"
(
  cd "$work/consumer"
  export GOMP_SPINCOUNT=1000
  ./consumer "$pictures" >consumer.txt || { cat consumer.txt && exit 1; }
  ./compiled_consumer "$pictures" >compiled.txt
  diff consumer.txt compiled.txt
  sed -n '1p;$p' consumer.txt

  # With the library, a program's own files have no reader of weights, and for the instructions that
  # the library is compiled for no kernel; from the headers only, they do.
  names=(read_weights)
  [ "$(uname -m)" != x86_64 ] || names+=(winograd_run)
  for name in "${names[@]}"; do
    # g++ may make local copies of a function (t).
    count() { nm -C "CMakeFiles/$1.dir/main.cpp.o" | grep -c " [tTW] frostline::.*$name(" || true; }
    echo "$name in main.cpp: $(count consumer) from headers, $(count compiled_consumer) compiled"
    [ "$(count consumer)" -gt 0 ] && [ "$(count compiled_consumer)" -eq 0 ]
  done
)

# Of components, a consumer gets those that it names, which need nothing of the others.
components() { # NAME WANTED OPTIONS...
  configure "$1" "${@:3}" >"$work/$1.txt" 2>&1 || { cat "$work/$1.txt" && exit 1; }
  grep -x -- "-- frostline's components here: $2" "$work/$1.txt" || { cat "$work/$1.txt" && exit 1; }
}
refused() { # WORDS OPTIONS...
  if configure refused "${@:2}" >"$work/refused.txt" 2>&1; then
    echo "this was configured: ${*:2}" && exit 1
  fi
  tr -s ' \n' ' ' <"$work/refused.txt" | grep -o -- "$1" || { cat "$work/refused.txt" && exit 1; }
  rm -r "$work/refused"
}
without_png=-DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON
without_eigen=-DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON
without_cuda=-DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON
components named 'images;compiled' -DCOMPONENTS='compiled;images' $without_eigen
components compiled compiled -DCOMPONENTS=compiled
components probe probe -DCOMPONENTS=probe $without_png
cmake --build "$work/probe" --target probe_consumer
"$work/probe/probe_consumer" | grep -x "a probe's weights: -0.50 0.50"
refused 'frostline::probe needs Eigen 3.4, which is not found' -DCOMPONENTS=probe $without_eigen
refused 'frostline::thrust needs .*Eigen 3.4, which is not found' \
  -DCOMPONENTS=thrust $without_eigen $without_cuda
refused 'frostline::images needs libpng, which is not found' -DCOMPONENTS=images $without_png
refused 'frostline has no component pictures' -DCOMPONENTS=pictures

# The same where pkg-config knows only jansson.
mkdir "$work/pkgconfig"
cp "$(pkg-config --variable=pcfiledir jansson)/jansson.pc" "$work/pkgconfig"
export PKG_CONFIG_LIBDIR=$PWD/$work/pkgconfig
refused 'frostline::images needs libpng and libjpeg-turbo (pkg-config.s libturbojpeg), which' \
  -DCOMPONENTS='compiled;images' $without_png
components no_images compiled $without_png $without_eigen $without_cuda
configure source -DFROM_SOURCE=ON $without_png >"$work/source.txt" || { cat "$work/source.txt" && exit 1; }
cmake --build "$work/no_images"
(
  cd "$work/no_images"
  ./consumer >consumer.txt
  ./compiled_consumer | diff consumer.txt -
)
echo "the installed package serves consumers, with and without frostline::compiled and components"
