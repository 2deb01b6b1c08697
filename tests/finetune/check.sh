#!/usr/bin/env bash
# finetune on folders of one's own, with any number of classes, and what it says about wrong ones.
# Usage: check.sh FINETUNE SOURCE_DIR WORK_DIR   (FINETUNE for resnet18_w16)
set -uo pipefail
finetune=$1 source=$2 work=$3/finetune
data=$source/examples/data/clipart10
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
rm -rf "$work"
mkdir -p "$work"
passed=() failed=() skipped=()
source "$source/tests/support/check.sh"
tune() { "$finetune" --weights "$source/examples/data/resnet18-w16.safetensors" --out "$work/out" "$@"; }
says() {  # says WORDS COMMAND...: the command fails and prints these words
  local words=$1 text
  shift
  text=$("$@" 2>&1) && { echo "succeeded: $text"; return 1; }
  grep -F -m 1 -- "$words" <<<"$text" || { echo "no '$words' in: $text"; return 1; }
}
# make FOLDER CLASSES PICTURES: class folders with this many pictures each
make() {
  local pictures class i at=0
  pictures=("$data"/train/*/*.jpg)
  for ((class = 0; class < $2; ++class)); do
    mkdir -p "$work/$1/class$class"
    for ((i = 0; i < $3; ++i)); do
      ln -s "${pictures[at++ % ${#pictures[@]}]}" "$work/$1/class$class/$i.jpg"
    done
  done
}

folders() {
  local text
  make three/train 3 20
  make three/val 3 5
  text=$(tune --data "$work/three") && grep -q "3 classes; head: .* on 60 pictures; 15 to" <<<"$text" ||
    { echo "$text"; return 1; }
  make whole 37 6
  text=$(tune --data "$work/whole" --seed 3) &&
    grep -q "37 classes; head: .* on 185 pictures; 37 to" <<<"$text" &&
    grep -q "a fifth of each class's pictures, chosen by seed 3, validates" <<<"$text" ||
    { echo "$text"; return 1; }
  make alone/train 2 1  # nothing to choose a regularization by
  make alone/val 2 1
  text=$(tune --data "$work/alone") && grep -q "no class has a picture to hold out" <<<"$text" ||
    { echo "$text"; return 1; }
}
check folders folders

recipes() {
  local recipe
  for recipe in head lp-ft last-stage all; do
    tune --data "$work/three" --recipe $recipe --epochs 1 >"$work/log" || { cat "$work/log"; return 1; }
    grep -q "\"recipe\": \"$recipe\"" "$work/out/result.json" || { echo "$recipe is not in result.json"; return 1; }
  done
  # What the weights are made for is in their file.
  head -c 20000 "$work/out/finetuned.safetensors" | grep -a -o '"model":"resnet18_w16"' &&
    head -c 20000 "$work/out/finetuned.safetensors" | grep -a -o '"size":"96"' &&
    head -c 20000 "$work/out/finetuned.safetensors" | grep -a -o '"mean":"0.485 0.456 0.406"'
}
check recipes recipes

# A rate that spoils the network: with --best, the file is that of a probe alone, byte by byte.
keeps_probe() {
  tune --data "$data" --seed 5 >/dev/null && mv "$work/out/finetuned.safetensors" "$work/probe" || return 1
  tune --data "$data" --seed 5 --recipe lp-ft --best --epochs 1 --learning-rate 0.2 --augment no |
    grep -x "no epoch was better than the probe, which is kept" || return 1
  cmp "$work/probe" "$work/out/finetuned.safetensors" || return 1
  tune --data "$data" --seed 5 --recipe lp-ft --epochs 1 --learning-rate 0.2 --augment no |
    grep "NOTE: .* after the last epoch; --best keeps the best"
}
check keeps_probe keeps_probe

wrong_folders() {
  make one 1 5
  says "has one class, 'class0', but a classifier needs at least two" tune --data "$work/one" || return 1
  make empty 2 4
  mkdir "$work/empty/void"
  says "for the classes 'void'" tune --data "$work/empty" || return 1
  make broken 2 4
  head -c 500 "$data/train/birds/000.jpg" >"$work/broken/class1/cut.jpg"
  says "broken/class1/cut.jpg'" tune --data "$work/broken" || return 1
  make half/train 2 4
  says "there is no folder '$work/half/val'" tune --data "$work/half" || return 1
  make single 3 1
  says "has only one picture" tune --data "$work/single" || return 1
  says "there is no folder '$work/none'" tune --data "$work/none" || return 1
  mkdir "$work/nothing"
  says "has no class folders" tune --data "$work/nothing" || return 1
}
check wrong_folders wrong_folders

wrong_options() {
  says "no pretrained weights '$work/none.pth'" "$finetune" --weights "$work/none.pth" \
    --data "$data" || return 1
  says "--augment yes is for other recipes" tune --data "$data" --augment yes || return 1
  says "{probe,head,lp-ft,last-stage,all}" tune --recipe layer4 || return 1
  local run=$source/examples/run.sh option
  says "efficientnet_lite0 efficientnet_lite1" "$run" --model efficientnet || return 1
  says "--size is a number of pixels" "$run" --size 12 || return 1
  # The help of run.sh is written by hand: it has each option of the program.
  for option in $(tune --help | grep -o -- '--[a-z-]*' | sort -u); do
    "$run" --help | grep -q -- "$option" || { echo "examples/run.sh --help lacks $option"; return 1; }
  done
}
check wrong_options wrong_options

echo "finetune: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}"
[ ${#failed[@]} -eq 0 ]
