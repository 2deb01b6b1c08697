#!/usr/bin/env bash
# predict finds its network in the file, or says what is wrong with the file's metadata.
# Usage: predict.sh PREDICT DATA_DIR WORK_DIR
set -euo pipefail
predict=$1 data=$2 work=$3/predict
picture=$data/clipart10/val/birds/019.jpg
rm -rf "$work"
mkdir -p "$work"
failures=0

# file NAME METADATA: a safetensors file with a linear layer of three classes, and nothing else.
file() {
  local header="{\"__metadata__\":{$2},\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[0,12]}}"
  local length
  length=$(printf '\\x%02x\\x%02x' $((${#header} % 256)) $((${#header} / 256)))
  printf "$length"'\0\0\0\0\0\0%s\0\0\0\0\0\0\0\0\0\0\0\0' "$header" >"$work/$1"
}
# says WORDS METADATA: predict fails with these words in its error, and prints nothing else.
says() {
  file wrong.safetensors "$2"
  local output status=0
  output=$("$predict" --weights "$work/wrong.safetensors" "$picture" 2>"$work/error") || status=$?
  if [ $status -ne 1 ] || [ -n "$output" ] || ! grep -qF -- "$1" "$work/error"; then
    echo "FAILED: with the metadata {$2}, expected '$1', got status $status: $output$(cat "$work/error")"
    failures=$((failures + 1))
  fi
}
lines() {  # lines COUNT OPTIONS...: predict succeeds and prints this many numbers
  local count
  count=$("$predict" --logits "${@:2}" "$picture" | wc -w) || count="an error"
  [ "$count" = "$1" ] || { echo "FAILED: ${*:2}: $count, not $1"; failures=$((failures + 1)); }
}

says "the model is 'vgg', but this program was compiled for resnet18, resnet34" '"model":"vgg"'
says "resnet18 takes pictures of 96 pixels, but this program was compiled for 224;" \
  '"model":"resnet18","size":"96"'
says '"size" are '"'big'"', not a whole number' '"model":"resnet18","size":"big"'
says '"mean" are '"'0.5 0.5'"', not three numbers' '"mean":"0.5 0.5","std":"1 1 1"'
says "names 2 classes, but its layer 'fc.weight' has 3 outputs" '"model":"resnet18","classes":"a\nb"'
says "does not fit the network" '"model":"efficientnet_lite2","size":"260","classes":"a\nb\nc"'
says "does not fit the network" '"model":"convnext_tiny","size":"224","classes":"a\nb\nc"'
says "does not fit the network" '"model":"mobilenet_v2","size":"224","classes":"a\nb\nc"'
says "does not fit the network" '"model":"efficientnet_b0","size":"224","classes":"a\nb\nc"'
says "does not fit the network" '"model":"vit_b_16","size":"224","classes":"a\nb\nc"'
says "does not fit the network" '"model":"vit_s_14","size":"224","classes":"a\nb\nc"'
says "the file names no model, so the network is resnet18" ''
# predict knows each model of finetune, and refuses only the size.
models=$(sed -n 's/^using \([a-z0-9_]*\) = Choice.*/\1/p' "$(dirname "$0")/../../examples/support/models.hpp")
[ "$(wc -w <<<"$models")" -gt 10 ] || { echo "FAILED: models.hpp has lost its models"; exit 1; }
for model in $models; do
  says "$model takes pictures of 7 pixels" '"model":"'"$model"'","size":"7"'
done
# The positive control: the same program classifies with files that are right.
lines 34 --model resnet18_w16 --weights "$data/resnet18-w16.safetensors"
exit $((failures > 0))
