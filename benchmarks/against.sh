#!/usr/bin/env bash
# Times this checkout against another commit of frostline: both are built in the same way, and their
# processes run in turns. Prints the median of each cell over the processes, and their ratio.
# Usage: benchmarks/against.sh COMMIT [ROWS] [BATCHES] [ROUNDS]
#   ROWS (head,layer4,all), of inference, head, layer4, all, epochs; BATCHES (1,5,32);
#   ROUNDS (7): process starts of each. OMP_NUM_THREADS is respected.
set -euo pipefail
cd "$(dirname "$0")/.."
commit=$(git rev-parse --short "${1:?"usage: benchmarks/against.sh COMMIT [ROWS] [BATCHES] [ROUNDS]"}")
rows=${2:-head,layer4,all} batches=${3:-1,5,32} rounds=${4:-7}
work=$PWD/build/against
scripts/install.sh build benchmarks >&2
mkdir -p "$work"
if ! [ -d "$work/$commit" ]; then
  mkdir "$work/$commit"
  git archive "$commit" | tar -x -C "$work/$commit"
fi
targets=()
for row in ${rows//,/ }; do targets+=("frostline_${row}_default"); done
build() {  # build SOURCE FOLDER TARGET...
  { cmake -G Ninja -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=g++ \
      -DFROSTLINE_BUILD_TESTS=OFF -DFROSTLINE_BUILD_EXAMPLES=OFF -DFROSTLINE_BUILD_BENCHMARKS=ON &&
      cmake --build "$2" --parallel 2 --target "${@:3}"; } >"$work/build.log" 2>&1 ||
    { tail -n 20 "$work/build.log" >&2; exit 1; }
}
build "$work/$commit" "$work/$commit/build" "${targets[@]}"
build . "$work/build" "${targets[@]}" make_inputs
[ -f "$work/inputs/labels.i32" ] ||
  { mkdir -p "$work/inputs" && "$work/build/benchmarks/make_inputs" "$work/inputs" 768; }
exec /usr/bin/env python3 - "$work" "$commit" "$rows" "$batches" "$rounds" <<'PYTHON'
import json, statistics, subprocess, sys, time
work, commit, rows, batches, rounds = sys.argv[1:]
steps = {1: 20, 5: 8, 32: 3}
programs = {"here": f"{work}/build/benchmarks", commit: f"{work}/{commit}/build/benchmarks"}
print(f"| row, batch | {commit}: ms, MB, first loss s | here | here / {commit}: time, memory |")
print("|---|---|---|---|")
for row in rows.split(","):
    for batch in map(int, batches.split(",")):
        found = {name: [] for name in programs}
        for turn in range(int(rounds) + 1):  # the first is a warm-up
            for name in sorted(programs, reverse=turn % 2 == 0):
                command = [f"{programs[name]}/frostline_{row}_default", "--row", row, "--batch", str(batch),
                           "--images", str(256 if row == "epochs" else batch),
                           "--weights", f"{work}/inputs/weights.safetensors", "--data", f"{work}/inputs",
                           "--steps", str(1 if row == "epochs" else steps.get(batch, 3)), "--warmup", "1",
                           "--start", str(time.clock_gettime(time.CLOCK_MONOTONIC))]
                report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                if turn:
                    found[name].append(report)
        if any(a["results"] != b["results"] for a, b in zip(*found.values())):
            print(f"results differ in {row}, batch {batch}", file=sys.stderr)
        figures = {name: [statistics.median(statistics.median(r["seconds"]) for r in reports),
                          statistics.median(r["peak_mb"] for r in reports),
                          statistics.median(r["first"] for r in reports)] for name, reports in found.items()}
        text = {name: f"{1e3 * s:.2f}, {mb:.0f}, {first:.3f}" for name, (s, mb, first) in figures.items()}
        here, there = figures["here"], figures[commit]
        print(f"| {row}, {batch} | {text[commit]} | {text['here']} | "
              f"{here[0] / there[0]:.3f}, {here[1] / there[1]:.3f} |", flush=True)
PYTHON
