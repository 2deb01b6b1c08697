#!/usr/bin/env bash
# Compares frostline with PyTorch (Debian's python3-torch): logits, training steps, and the file
# that finetune saves. Prints one table; fails if any figure exceeds its bound.
# Usage: tests/golden/run.sh [BUILD_DIR=build/gcc] [FINETUNED]   (from the root of the repository)
#   FINETUNED is a finetuned.safetensors; without it a short training makes one.
# FROSTLINE_SEED (0) draws other weights and pictures.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
finetuned=${2:-}
golden=tests/golden
work=build/golden
python=/usr/bin/python3  # Debian's own, which has python3-torch; another may be first on PATH
export PYTHONDONTWRITEBYTECODE=1

say() { echo "[$SECONDS s] $*"; }

scripts/install.sh build golden
mkdir -p "$work"
cmake --preset gcc -B "$build" >"$work/configure.log"
say "building"
cmake --build "$build" --target predict finetune-resnet18_w16 golden_train_steps golden_efficientnet_lite \
  golden_backbones >"$work/build.log" ||
  { cat "$work/build.log"; exit 1; }
predict=$build/examples/predict

# The package safetensors, for Debian's torch. round_trip.py says so if it is missing.
if ! [ -x "$work/venv/bin/python" ]; then
  "$python" -m venv --system-site-packages "$work/venv"
fi
"$work/venv/bin/python" -c "import safetensors" 2>/dev/null ||
  "$work/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check safetensors ||
  echo "NOTE: pip could not install safetensors"

# If a comparison exceeds a bound or fails, the others still run.
table=$work/figures.jsonl
: >"$table"
failed=()
compare() {
  say "$1"
  "${@:2}" || failed+=("$1")
}

compare "logits" "$python" $golden/compare_logits.py "$predict" "$work/logits" "$table"
compare "training" "$python" $golden/compare_training.py \
  "$build/tests/golden/golden_train_steps" "$work/training" "$table"
compare "EfficientNet-Lite0" "$python" $golden/compare_efficientnet_lite.py \
  "$build/tests/golden/golden_efficientnet_lite" "$work/efficientnet_lite" "$table"
compare "backbones" "$python" $golden/compare_backbones.py \
  "$build/tests/golden/golden_backbones" "$work/backbones" "$table"
if [ -z "$finetuned" ]; then
  finetuned=$work/finetuned/finetuned.safetensors
  weights=examples/data/resnet18-w16.safetensors
  [ -f "$weights" ] || weights=none
  say "finetune for one epoch, --weights $weights"
  "$build/examples/finetune-resnet18_w16" --recipe all --weights "$weights" --epochs 1 \
    --out "$(dirname "$finetuned")" >"$work/finetune.log" || { cat "$work/finetune.log"; exit 1; }
fi
compare "finetune's file" "$work/venv/bin/python" $golden/round_trip.py \
  "$finetuned" "$predict" "$work"/logits/pictures/* --table "$table"
say "done"
echo

status=0
"$python" $golden/figures.py "$table" || status=1
for title in ${failed[@]+"${failed[@]}"}; do
  echo "FAILED: the comparison of $title"
  status=1
done
exit $status
