#!/usr/bin/env bash
# Installs what is missing of the packages that a set of the project needs, which Debian 12 and 13
# and Ubuntu 24.04 have.
# Usage: scripts/install.sh SET...   sets: build, weights, thrust, clang, neon, format, tidy,
#                                   golden, peers, benchmarks, faults, distributions
set -euo pipefail

declare -A sets=(
  [build]="g++ cmake ninja-build pkg-config ccache libboost-dev libfmt-dev
           libjansson-dev libturbojpeg0-dev libpng-dev zlib1g-dev catch2
           libcli11-dev gnuplot-nox liblbfgs-dev libeigen3-dev"
  [weights]="python3 python3-venv ca-certificates"
  [thrust]="libthrust-dev libeigen3-dev"
  [clang]="clang libomp-dev"
  [neon]="g++-aarch64-linux-gnu qemu-user-static"
  [format]="clang-format"
  [tidy]="clang-tidy libomp-dev"
  [golden]="python3 python3-venv python3-numpy python3-pil python3-torch python3-torchvision
            libjpeg-turbo-progs"
  [peers]="libdlib-dev libopenblas-dev python3-venv time"
  [faults]="time netpbm util-linux"
  [benchmarks]="python3 python3-venv python3-dev binutils libjemalloc2 libbenchmark-dev libdlib-dev
                libopenblas-dev"
  [distributions]="debootstrap curl ca-certificates"
)
missing=()
for set in "$@"; do
  for package in ${sets[$set]}; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
