#!/usr/bin/env bash
# Runs finetune with several seeds for each choice of trainable layers, and prints the mean and
# spread of validation accuracy. Usage: benchmarks/finetune.sh [SEEDS=5] [OPTIONS OF finetune]
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-5}
shift || true
scripts/install.sh build
cmake --preset gcc >/dev/null
cmake --build --preset gcc --target finetune >/dev/null
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
results=build/finetune-seeds
mkdir -p "$results"
export OMP_NUM_THREADS=1  # two runs in parallel; results do not depend on the number of threads
job() {  # job NAME OPTIONS...
  local name=$1
  shift
  seq 0 $((seeds - 1)) | xargs -P 2 -I {} sh -c \
    'out=$1; shift; build/gcc/examples/finetune --seed {} --out "$out" "$@" >"$out.txt"' \
    sh "$results/$name-{}" "$@"
}
job random-backbone --train head --weights none "$@"
job head --train head "$@"
job layer4 --train layer4 "$@"
job all --train all "$@"
job scratch --train scratch "$@"
/usr/bin/env python3 - "$results" "$seeds" <<'PYTHON'
import json, statistics, sys
folder, seeds = sys.argv[1], int(sys.argv[2])
rows = {}
print(f"| trainable layers | validation accuracy, mean of {seeds} seeds | spread | seconds on 1 core |")
print("|---|---|---|---|")
for name, text in (("random-backbone", "head, on a random frozen backbone"), ("head", "head"),
                   ("layer4", "layer4 and head"), ("all", "everything"), ("scratch", "everything, from scratch")):
    results = [json.load(open(f"{folder}/{name}-{seed}/result.json")) for seed in range(seeds)]
    accuracy = [100 * r["final_validation_accuracy"] for r in results]
    rows[name] = accuracy
    seconds = statistics.median(r["seconds"] for r in results)
    print(f"| {text} | {statistics.mean(accuracy):.1f} % | {min(accuracy):.1f} to {max(accuracy):.1f} % | {seconds:.0f} |")
json.dump(rows, open(f"{folder}/accuracies.json", "w"), indent=1)
PYTHON
