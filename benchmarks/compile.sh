#!/usr/bin/env bash
# Compile time and peak compiler memory of two examples, from the headers only and with
# frostline::compiled, and of the same programs in LibTorch and dlib, with g++ and clang++; and of a
# program for each network of examples/support/models.hpp.
set -euo pipefail
export LC_ALL=C CCACHE_DISABLE=1
cd "$(dirname "$0")/.."

usage() {
  cat <<'END'
Usage: benchmarks/compile.sh [RUNS=3] [JOB]
Compiles each program RUNS times with each compiler, one at a time and in turns, and prints the
medians; also to build/compile.json. JOB is tutorial, finetune or model, to compile only that; model,
a new head on each network of examples/support/models.hpp, is compiled only if it is asked for.
COMPILERS="g++" in the environment chooses one compiler. Installs missing packages (scripts/install.sh), and
takes LibTorch's newest headers from PyPI (540 MB, once).
END
}
runs=3
case ${1-} in
  -h | --help) usage; exit 0 ;;
  '') ;;
  *) runs=$1 ;;
esac
only=${2-}
[[ $# -le 2 && $only =~ ^(|tutorial|finetune|model)$ && $runs =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
scripts/install.sh build clang peers >&2

# Only the headers of PyPI's package are used here.
libtorch=build/libtorch
if [ "$only" != model ] && ! [ -f $libtorch/complete ]; then
  mkdir -p $libtorch
  if ! compgen -G "$libtorch/*.whl" >/dev/null; then
    /usr/bin/python3 -m venv $libtorch/venv
    $libtorch/venv/bin/pip download --quiet --no-deps torch -d $libtorch
  fi
  /usr/bin/python3 - $libtorch <<'END'
import glob, sys, zipfile
with zipfile.ZipFile(*glob.glob(sys.argv[1] + "/*.whl")) as wheel:
    headers = [name for name in wheel.namelist() if name.startswith("torch/include/")]
    wheel.extractall(sys.argv[1], [*headers, "torch/version.py"])
END
  touch $libtorch/complete
fi
torch_version=$(sed -n "s/^__version__ = '\([0-9.]*\).*/\1/p" $libtorch/torch/version.py 2>/dev/null || true)

# job, library, source, flags; the others are compared with the first library of a job.
ours="-std=c++20 -fopenmp -Iinclude -Iexamples $(pkg-config --cflags fmt jansson)"
torch="-std=c++20 -Iexamples -isystem $libtorch/torch/include
  -isystem $libtorch/torch/include/torch/csrc/api/include"
dlib="-std=c++17 -Iexamples $(pkg-config --cflags dlib-1)"  # not slower than C++20
programs=(
  "tutorial|frostline|examples/tutorial.cpp|$ours"
  "tutorial|frostline::compiled|examples/tutorial.cpp|$ours -DFROSTLINE_COMPILED"
  "tutorial|LibTorch $torch_version|benchmarks/compile/libtorch_tutorial.cpp|${torch//$'\n'/}"
  "tutorial|dlib|benchmarks/compile/dlib_tutorial.cpp|$dlib"
  "finetune|frostline|examples/finetune.cpp|$ours"
  "finetune|frostline::compiled|examples/finetune.cpp|$ours -DFROSTLINE_COMPILED"
  "finetune|LibTorch $torch_version|benchmarks/compile/libtorch_finetune.cpp|${torch//$'\n'/}"
)
for i in "${!programs[@]}"; do
  [[ ${programs[i]} == "$only"* ]] || unset "programs[i]"
done
if [ "$only" = model ]; then
  programs=()
  for model in $(sed -n 's/^using \([a-z0-9_]*\) = Choice.*/\1/p' examples/support/models.hpp); do
    program="benchmarks/compile/model.cpp|$ours -DFROSTLINE_MODEL=$model"
    programs+=("$model|frostline|$program"
      "$model|frostline::compiled|$program -DFROSTLINE_COMPILED")
  done
fi
read -ra compilers <<<"${COMPILERS:-g++ clang++}"
common="-O2 -march=native"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# run NAME COMMAND...: if it fails, prints the first lines of output; writes `time`'s to NAME.time.
run() {
  local name=$1
  shift
  /usr/bin/time -o "$scratch/$name.time" -f '%U %S %e %M' "$@" >/dev/null 2>"$scratch/log" || {
    printf 'this does not compile:\n  %s\n' "$*" >&2
    head -n 20 "$scratch/log" >&2
    exit 1
  }
}

# median FIELD FILE
median() {
  cut -d' ' -f"$1" "$2" | sort -g | awk '{v[NR] = $1}
    END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

for compiler in "${compilers[@]}"; do
  for i in "${!programs[@]}"; do
    IFS='|' read -r job library source flags <<<"${programs[i]}"
    [ -f "$source" ] || { echo "there is no $source" >&2; exit 1; }
    read -ra flags <<<"$flags $common"
    run warm "$compiler" "${flags[@]}" -E "$source" # reads every header into memory
  done
done
for ((turn = 1; turn <= runs; ++turn)); do
  for i in "${!programs[@]}"; do
    IFS='|' read -r job library source flags <<<"${programs[i]}"
    read -ra flags <<<"$flags $common"
    for compiler in "${compilers[@]}"; do
      echo "run $turn of $runs: $compiler $source" >&2
      run once "$compiler" "${flags[@]}" -c "$source" -o "$scratch/object.o"
      # processor seconds, wall seconds, MB
      awk '{printf "%.2f %.2f %.0f\n", $1 + $2, $3, $4 * 1024 / 1e6}' "$scratch/once.time" \
        >>"$scratch/$i.$compiler"
    done
  done
done

json=$scratch/compile.json
{
  printf '{\n  "runs": %d,\n  "flags": "%s",\n  "compilers": {' "$runs" "$common"
  separator=
  for compiler in "${compilers[@]}"; do
    printf '%s"%s": "%s"' "$separator" "$compiler" "$("$compiler" --version | head -n 1)"
    separator=', '
  done
  printf '},\n  "processor": "%s",\n  "results": [' \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
} >"$json"
table=$scratch/table
echo 'program|compiler|seconds|wall|peak MB|time ratio|MB ratio' >"$table"
declare -A our_seconds our_megabytes
separator=
for i in "${!programs[@]}"; do
  IFS='|' read -r job library source flags <<<"${programs[i]}"
  for compiler in "${compilers[@]}"; do
    file=$scratch/$i.$compiler
    seconds=$(median 1 "$file") wall=$(median 2 "$file") megabytes=$(median 3 "$file")
    if [ "$library" = frostline ]; then
      our_seconds[$job,$compiler]=$seconds our_megabytes[$job,$compiler]=$megabytes
    fi
    read -r time_ratio memory_ratio < <(
      awk -v s="$seconds" -v m="$megabytes" -v S="${our_seconds[$job,$compiler]}" \
        -v M="${our_megabytes[$job,$compiler]}" 'BEGIN {printf "%.2f %.2f\n", s / S, m / M}')
    printf '%s, %s|%s|%.1f|%.1f|%.0f|%s|%s\n' "$job" "$library" "$compiler" "$seconds" "$wall" \
      "$megabytes" "$time_ratio" "$memory_ratio" >>"$table"
    all=$(awk '{printf "%s[%s, %s, %s]", (NR > 1 ? ", " : ""), $1, $2, $3}' "$file")
    {
      printf '%s\n    {"job": "%s", "library": "%s", "source": "%s", "compiler": "%s", ' \
        "$separator" "$job" "$library" "$source" "$compiler"
      printf '"flags": "%s", "seconds": %s, "wall_seconds": %s, "peak_mb": %s, ' \
        "$(xargs <<<"$flags $common")" "$seconds" "$wall" "$megabytes"
      printf '"time_ratio": %s, "memory_ratio": %s, "runs": [%s]}' \
        "$time_ratio" "$memory_ratio" "$all"
    } >>"$json"
    separator=,
  done
done
printf '\n  ]\n}\n' >>"$json"
mkdir -p build
mv "$json" build/compile.json

awk -F'|' 'NR == FNR {for (i = 1; i <= NF; ++i) if (length($i) > w[i]) w[i] = length($i); next}
  {for (i = 1; i <= NF; ++i)
     printf "%s%" (i < 3 ? "-" : "") w[i] "s", (i > 1 ? "  " : ""), $i
   print ""}' "$table" "$table"
cat <<END

Medians of $runs; one translation unit, compiled only (-c) with $common; nothing is linked.
seconds: the compiler's processor time, which other work on the machine disturbs less than wall.
Ratios: to frostline's same job with the same compiler. tutorial and finetune read their
options with CLI11.
The pictures, the progress bar and the page of results are other translation units, not timed.
END
