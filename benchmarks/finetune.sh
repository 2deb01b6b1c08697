#!/usr/bin/env bash
# Runs finetune with several seeds for each recipe, and prints the mean and spread of validation
# accuracy. Usage: benchmarks/finetune.sh [SEEDS=5] [MODEL=efficientnet_lite0] [RECIPE...]
#   RECIPE: probe, head, lp-ft (these by default), last-stage, all; and scratch: all, from random
#   weights; random-backbone: head, on random weights. OPTIONS in the environment: more options
#   of finetune, but for --size.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-5} model=${2:-efficientnet_lite0}
recipes=("${@:3}")
[ ${#recipes[@]} -gt 0 ] || recipes=(probe head lp-ft)
results=build/finetune-seeds/$model
mkdir -p "$results"
# It fetches the weights and builds the program.
examples/run.sh --model "$model" --recipe probe --out "$results/first" >"$results/first.txt" ||
  { cat "$results/first.txt" && exit 1; }
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
export OMP_NUM_THREADS=1  # two runs in parallel; results do not depend on the number of threads
for recipe in "${recipes[@]}"; do
  case $recipe in
    scratch) options=(--recipe all --weights none) ;;
    random-backbone) options=(--recipe head --weights none) ;;
    *) options=(--recipe "$recipe") ;;
  esac
  # shellcheck disable=SC2086
  seq 0 $((seeds - 1)) | xargs -P 2 -I {} sh -c \
    'out=$1 program=$2; shift 2; "$program" --seed {} --out "$out" "$@" >"$out.txt"' \
    sh "$results/$recipe-{}" "build/gcc/examples/finetune-$model" "${options[@]}" ${OPTIONS-}
done
/usr/bin/env python3 - "$results" "$seeds" "${recipes[@]}" <<'PYTHON'
import json, statistics, sys
folder, seeds, recipes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
rows = {}
print(f"| recipe | validation accuracy, mean of {seeds} seeds | spread | seconds on 1 core |")
print("|---|---|---|---|")
for recipe in recipes:
    results = [json.load(open(f"{folder}/{recipe}-{seed}/result.json")) for seed in range(seeds)]
    accuracy = [100 * r["final_validation_accuracy"] for r in results]
    rows[recipe] = accuracy
    seconds = statistics.median(r["seconds"] for r in results)
    print(f"| {recipe} | {statistics.mean(accuracy):.1f} % | {min(accuracy):.1f} to {max(accuracy):.1f} % | {seconds:.0f} |")
json.dump(rows, open(f"{folder}/accuracies.json", "w"), indent=1)
PYTHON
