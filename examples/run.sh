#!/usr/bin/env bash
# Installs missing packages, builds the examples, and runs finetune: a new head on a pretrained,
# frozen ResNet-18, trained on the pictures in examples/data/clipart10.
# Usage: examples/run.sh [OPTIONS OF finetune]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh build
cmake --preset gcc
cmake --build --preset gcc --target examples
# Waiting threads soon yield to other programs; on an idle machine this changes nothing.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
build/gcc/examples/finetune "$@"
