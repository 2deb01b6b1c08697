#!/usr/bin/env bash
# Builds the Thrust backend's tests with nvcc and runs them: on a GPU if there is one, else by
# ptx-cpu, which executes their PTX on the CPU, with checks. Then: did every kernel of ours run, and
# does a head-only program have no gradient kernel?
# Usage: tests/cuda/run.sh   environment: PTX_CPU_DIR, where ptx-cpu's source is
#                            (../shared/tools/ptx-cpu), CUDA_HOME (/usr/local/cuda)
set -uo pipefail
cd "$(dirname "$0")/../.."
export CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
export PATH=$PATH:$CUDA_HOME/bin
out=build/cuda
tool=${PTX_CPU_DIR:-../shared/tools/ptx-cpu}
names=(tests moves checks kernels absence tutorial finetune no_device little_memory)
passed=() failed=() skipped=()
finish() {
  echo "cuda: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}, ${#skipped[@]} skipped: ${skipped[*]-}"
  [ ${#failed[@]} -eq 0 ]
  exit
}
skip_all() {
  for name in "${names[@]}"; do skipped+=("$name ($1)"); done
  finish
}

command -v nvcc >/dev/null || skip_all "nvcc is not installed"
gpu=$(nvidia-smi -L 2>/dev/null | head -n 1)
[ -n "$gpu" ] || [ -d "$tool/src" ] || skip_all "no GPU, and no ptx-cpu in $tool"
scripts/install.sh build || exit 1
mkdir -p $out
if [ -z "$gpu" ]; then
  if [ -f "$tool/build/libcudart.so.13" ]; then
    libraries=$(realpath "$tool/build")
  else
    mkdir -p $out/ptx-cpu
    cp -ru "$tool"/Makefile "$tool"/src $out/ptx-cpu/
    make -s -j2 -C $out/ptx-cpu >$out/ptx-cpu.log 2>&1 || { tail -n 20 $out/ptx-cpu.log; exit 1; }
    libraries=$(realpath $out/ptx-cpu/build)
  fi
  export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
echo "runs on: ${gpu:-ptx-cpu}"

common=(-std=c++20 -DFMT_HEADER_ONLY "-DFROSTLINE_GOLDEN_DIR=\"$PWD/tests/golden\"" -Iinclude -Itests
        -Iexamples)
host=(g++ -O2 -march=native -fopenmp -Wall -Wextra -Werror "${common[@]}")
device=(nvcc -O1 -gencode "arch=compute_75,code=compute_75" -cudart shared --compress-mode=none
        "${common[@]}" -Werror all-warnings -Xcompiler "-fopenmp,-Wall,-Wextra" -x cu)
[ -z "$gpu" ] || device=(nvcc -O1 -arch=native -cudart shared "${common[@]}" -Xcompiler -fopenmp -x cu)
build() {  # build NAME SOURCE COMPILER...: an object; prints what the compiler took
  local name=$1 source=$2
  shift 2
  /usr/bin/time -f "$source: %U s of the compiler, %M kB" "$@" -c "$source" -o "$out/$name.o"
}
command -v /usr/bin/time >/dev/null || scripts/install.sh peers
(
  build cpu_results tests/thrust/cpu_results.cpp ccache "${host[@]}" &&
    build main tests/support/main.cpp ccache "${host[@]}" -O0 &&
    build command_line examples/support/command_line.cpp ccache "${host[@]}" &&
    build moves tests/thrust/to_backend.cpp "${device[@]}" -Xcompiler -march=native &&
    build tutorial examples/tutorial_cuda.cu "${device[@]}" &&
    build tutorial_all examples/tutorial_cuda.cu "${device[@]}" -DTRAIN_ALL
) &
other=$!
together() {  # together NAME FILE...: one source of several, in a third of their time one by one
  printf '#include "thrust/%s.cpp"\n' "${@:2}" >"$out/$1.cpp"
}
together layers slopes golden special
together networks steps outputs classes concat partly_trained
build compare tests/thrust/compare.cpp "${device[@]}" &&
  build layers $out/layers.cpp "${device[@]}" &&
  build networks $out/networks.cpp "${device[@]}" -Xcompiler -march=native
compiled=$?
wait $other && [ $compiled -eq 0 ] || { failed=("${names[@]}"); finish; }
link() {
  local program=$1
  shift
  nvcc -cudart shared "${@/#/$out/}" -o "$out/$program" -Xcompiler -fopenmp -lcublas -ljansson -lz
}
link tests compare.o layers.o networks.o cpu_results.o main.o &&
  link moves moves.o main.o &&
  link tutorial tutorial.o command_line.o && link tutorial_all tutorial_all.o command_line.o || { failed=("${names[@]}"); finish; }

source tests/support/check.sh
all_tests() { PTX_CPU_HOSTGUARD=1 PTX_CPU_PROFILE=$out/profile.json $out/tests; }
strict() {
  PTX_CPU_INITCHECK=1 PTX_CPU_RACECHECK=1 PTX_CPU_ORDER=random \
    $out/tests -w NoTests "layers agree*,gradients of*,networks train*"
}
kernels_in() { grep -a -o '\.entry [A-Za-z0-9_]*' "$out/$1" | cut -d' ' -f2 | sort -u; }
kernels_ran() {  # by the profile of all tests
  kernels_in tests >$out/held.txt
  sed -n 's/.*"mangled": "\([^"]*\)".*/\1/p' $out/profile.json | sort -u >$out/ran.txt
  grep frostline $out/held.txt >$out/own.txt
  comm -23 $out/own.txt $out/ran.txt >$out/missed.txt
  echo "kernels of frostline: $(wc -l <$out/own.txt), of which ran all but $(wc -l <$out/missed.txt)"
  c++filt <$out/missed.txt
  local recorded
  recorded=$(grep -o '"graph_launches": *[0-9]*' $out/profile.json | awk '{ n += $2 } END { print n + 0 }')
  echo "launches that were of a recorded step: $recorded"
  echo "of libraries: $(grep -vc frostline $out/held.txt), of which did not run:"
  grep -v frostline $out/held.txt | comm -23 - $out/ran.txt | c++filt | cut -c1-150
  [ -s $out/own.txt ] && [ ! -s $out/missed.txt ] && [ "$recorded" -gt 0 ]
}
absence() {
  local gradients='FromColumns|ByChannel|UseSlopes|NormGradient|LargestGradient' forward='conv2d_kernel'
  local frozen all runs
  frozen=$(kernels_in tutorial | grep -cE "$gradients")
  all=$(kernels_in tutorial_all | grep -cE "$gradients")
  runs=$(kernels_in tutorial | grep -cE "$forward")
  echo "gradient kernels of convolution, batch norm and pooling: $frozen head-only, $all all-trainable;"
  echo "forward kernels of convolution in the head-only program: $runs"
  [ "$frozen" -eq 0 ] && [ "$all" -ge 5 ] && [ "$runs" -ge 3 ]
}
rm -f $out/profile.json
check tests all_tests
check moves $out/moves  # both backends in one file
if [ -n "$gpu" ]; then
  skipped+=("checks (ptx-cpu's)" "kernels (ptx-cpu's)" "absence (embedded PTX alone)")
else
  check checks strict
  check kernels kernels_ran
  check absence absence
fi
check tutorial $out/tutorial --summary
# finetune as CMake builds it must give the CPU's results.
main_job() {
  local flags=(-DFROSTLINE_CUDA_ARCHITECTURES=75-virtual -DCMAKE_CUDA_FLAGS=--compress-mode=none)
  [ -z "$gpu" ] || flags=(-DFROSTLINE_CUDA_ARCHITECTURES=native)
  { cmake --preset gcc -B $out/cmake -DFROSTLINE_BUILD_TESTS=OFF -DFROSTLINE_CUDA=ON \
      -DCMAKE_CUDA_RUNTIME_LIBRARY=Shared "${flags[@]}" &&
      cmake --build $out/cmake --target finetune-resnet18_w16 --parallel 2; } >$out/cmake.log 2>&1 ||
    { tail -n 20 $out/cmake.log; return 1; }
  local backend
  for backend in thrust cpu; do
    $out/cmake/examples/finetune-resnet18_w16 --backend $backend --recipe head --epochs 2 --out $out/finetune \
      >$out/finetune-$backend.txt || return 1
    grep '^epoch' $out/finetune-$backend.txt
  done
  diff <(grep '^all' $out/finetune-thrust.txt) <(grep '^all' $out/finetune-cpu.txt)
}
check finetune main_job
says() {  # says WORDS COMMAND...: the command fails and prints these words
  local words=$1 text
  shift
  text=$("$@" 2>&1) && { echo "succeeded: $text"; return 1; }
  echo "$text"
  [[ $text == *"$words"* ]]
}
# Too little memory for the network, and then only for its momentum.
little_memory() {
  local bytes
  says "a network with max_batch" env PTX_CPU_MEM_MB=64 $out/tutorial_all || return 1
  bytes=$(PTX_CPU_MEM_MB=64 $out/tutorial_all 2>&1 | sed -n 's/.* takes \([0-9]*\) bytes.*/\1/p')
  says "training the network takes" env PTX_CPU_MEM_MB=$((bytes / 1048576 + 2)) $out/tutorial_all
}
check no_device says "there is no CUDA device" env CUDA_VISIBLE_DEVICES= \
  LD_LIBRARY_PATH="$CUDA_HOME/lib64:${LD_LIBRARY_PATH-}" $out/tutorial
if [ -n "$gpu" ]; then
  skipped+=("little_memory (ptx-cpu's)")
else
  check little_memory little_memory
fi
finish
