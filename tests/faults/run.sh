#!/usr/bin/env bash
# Checks the files after finetune is killed, the disk is full or a folder is forbidden, and how
# much memory large photos take. Usage: tests/faults/run.sh [BUILD_DIR=build/gcc]
# Environment: KILLS (50), PHOTOS (1000), FROSTLINE_SEED (printed; for the times of the kills).
set -uo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/gcc}
kills=${KILLS:-50} photos=${PHOTOS:-1000}
[ "$photos" -ge 50 ] || { echo "PHOTOS must be at least 50: one per class to validate"; exit 2; }
seed=${FROSTLINE_SEED:-$RANDOM}
RANDOM=$((seed % 32768))
echo "FROSTLINE_SEED=$seed"
scripts/install.sh build faults || exit 1
{ cmake --preset gcc -B "$build" && cmake --build "$build" --target finetune-resnet18_w16 predict; } \
  >build/faults.log 2>&1 || { tail -n 20 build/faults.log; exit 1; }
finetune=$PWD/$build/examples/finetune-resnet18_w16 predict=$PWD/$build/examples/predict
weights=$PWD/examples/data/resnet18-w16.safetensors
data=$PWD/examples/data/clipart10
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
work=$PWD/build/faults
rm -rf "$work"
mkdir -p "$work"
passed=() failed=() skipped=()
source tests/support/check.sh
tune() { "$finetune" --data "$data" --weights "$weights" --recipe head --epochs 3 "$@"; }
sum() { sha256sum "$1/finetuned.safetensors" 2>/dev/null | cut -d' ' -f1; }
says() {  # says WORDS COMMAND...: the command fails and prints these words
  local words=$1 text
  shift
  text=$("$@" 2>&1) && { echo "succeeded: $text"; return 1; }
  grep -F -m 1 -- "$words" <<<"$text" || { echo "no '$words' in: $text"; return 1; }
}
# A folder is valid if its weights are those of one of the two complete runs, and the files next to
# them are complete.
whole() {
  local folder=$1 found
  found=$(sum "$folder")
  [[ $found == "$first" || $found == "$second" ]] || { echo "its weights are of no run"; return 1; }
  [ ! -e "$folder/result.json" ] || [ "$(tail -c 2 "$folder/result.json")" = "}" ] ||
    { echo "result.json is cut"; return 1; }
  [ ! -e "$folder/report.html" ] || tail -n 1 "$folder/report.html" | grep -q '</main>$' ||
    { echo "report.html is cut"; return 1; }
}

tune --seed 1 --out "$work/one" >/dev/null || exit 1
start=$(date +%s%N)
tune --seed 2 --out "$work/two" >/dev/null || exit 1
whole_run=$((($(date +%s%N) - start) / 1000000))
first=$(sum "$work/one") second=$(sum "$work/two")
[ "$first" != "$second" ] || { echo "two seeds gave one result"; exit 1; }

# Half of the kills come at any time of a run, half while files are written: as soon as a
# partial file is seen (the trial before the training also makes one), or a little later.
kill_runs() {
  local out=$work/killed killed=0 finished=0 writing=0 changed=0 before i pid left deadline
  cp -r "$work/one" "$out"
  for ((i = 0; i < kills; ++i)); do
    before=$(sum "$out")
    "$finetune" --data "$data" --weights "$weights" --recipe head --epochs 3 --seed $((1 + RANDOM % 2)) \
      --out "$out" >/dev/null 2>&1 &
    pid=$!
    if ((i % 2)); then
      sleep "$(printf '0.%03d' $((RANDOM % 300)))"  # after the trial
      deadline=$((SECONDS + 60))
      until compgen -G "$out/*.partial" >/dev/null || ! kill -0 $pid 2>/dev/null ||
        [ $SECONDS -ge $deadline ]; do :; done
    else
      left=$((RANDOM * whole_run / 32768))
      sleep "$(printf '%d.%03d' $((left / 1000)) $((left % 1000)))"
    fi
    if kill -KILL $pid 2>/dev/null; then killed=$((killed + 1)); else finished=$((finished + 1)); fi
    wait $pid 2>/dev/null
    kill -0 $pid 2>/dev/null && { echo "process $pid lives on"; return 1; }
    compgen -G "$out/*.partial" >/dev/null && writing=$((writing + 1))
    whole "$out" || { echo "after kill $i"; return 1; }
    [ "$(sum "$out")" = "$before" ] || changed=$((changed + 1))
  done
  tune --seed 1 --out "$out" >/dev/null || return 1
  "$predict" --weights "$out/finetuned.safetensors" \
    "$data"/val/birds/019.jpg >/dev/null || return 1
  left=$(find "$out" -name '*.partial' | wc -l)
  echo "$killed killed (of which $writing while a file was written) and $finished finished of $kills" \
    "runs of $whole_run ms; the weights changed in $changed; each time they were whole; unfinished" \
"files left by all of them: $left"
  [ $((2 * killed)) -ge "$kills" ] && [ $writing -gt 0 ] && [ "$left" -eq 0 ]
}
check kills kill_runs

# The file system refuses to let a file grow, as a full disk does.
full_disk() {
  local out=$work/full
  cp -r "$work/one" "$out"
  says "finetuned.safetensors': File too large" \
    bash -c "trap '' XFSZ; ulimit -f 200; exec \"\$@\"" sh "$finetune" --data "$data" --weights \
    "$weights" --recipe head --epochs 1 --seed 2 --out "$out" || return 1
  [ "$(sum "$out")" = "$first" ] && [ -z "$(find "$out" -name '*.partial')" ]
}
check full_disk full_disk

# A disk that is too small is an error before the training.
small_disk() {
  local disk=$work/disk status=0
  mkdir -p "$disk"
  mount -t tmpfs -o size=1m tmpfs "$disk" || return 1
  says "bytes free, and results take" tune --out "$disk/out" || status=1
  umount "$disk"
  return $status
}
if mkdir -p "$work/try" && mount -t tmpfs -o size=1m tmpfs "$work/try" 2>/dev/null; then
  umount "$work/try"
  check small_disk small_disk
else
  skipped+=("small_disk (no file system can be mounted here)")
fi

# As a user without permission to read or write everything.
forbidden() {
  local status=0 bare=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  local place
  place=$(mktemp -d)
  chmod 755 "$place"
  cp -r "$data" "$place/data"
  cp "$finetune" "$place/finetune"
  cp "$weights" "$place/"
  mkdir "$place/out" "$place/mine"
  chmod 777 "$place/mine"
  [ "$(id -u)" -eq 0 ] || bare=()
  [ "$(id -u)" -eq 0 ] || chmod 555 "$place/out"
  local run=("${bare[@]}" "$place/finetune" --weights "$place/resnet18-w16.safetensors" --epochs 1
             --recipe head --data "$place/data")
  says "cannot write '$place/out/finetuned.safetensors': its folder accepts no new file" \
    "${run[@]}" --out "$place/out" || status=1
  says "Permission denied" "${run[@]}" --out "$place/out/deeper" || status=1
  chmod 000 "$place/data/train/birds"
  says "$place/data/train/birds" "${run[@]}" --out "$place/mine" || status=1
  chmod 755 "$place/data/train/birds"
  chmod 000 "$place/data/val/birds/019.jpg"
  says "$place/data/val/birds/019.jpg" "${run[@]}" --out "$place/mine" || status=1
  [ -z "$(ls "$place/mine")" ] || { echo "left: $(ls "$place/mine")"; status=1; }
  chmod -R u+rwX "$place"
  rm -rf "$place"
  return $status
}
check forbidden forbidden

# Errors that can be found before the training come before it, and the old results stay.
told_before() {
  local out=$work/told bad=$work/bad words
  cp -r "$work/one" "$out"
  cp -r "$data" "$bad"
  mv "$bad/val/birds" "$bad/val/Birds"
  says "Birds" "$finetune" --data "$bad" --weights "$weights" --out "$out" || return 1
  mv "$bad/val/Birds" "$bad/val/birds"
  mv "$bad/train/birds" "$bad/train/$(printf 'v\xf6gel')"
  mv "$bad/val/birds" "$bad/val/$(printf 'v\xf6gel')"
  says "UTF-8" "$finetune" --data "$bad" --weights "$weights" --out "$out" || return 1
  says "gnuplot" env PATH=/nowhere "$finetune" --data "$data" --weights "$weights" --out "$out" ||
    return 1
  says "learning rate" tune --learning-rate inf --out "$out" || return 1
  says "the loss is" "$finetune" --data "$data" --weights "$weights" --learning-rate 1e30 \
    --recipe all --out "$out" || return 1
  [ "$(sum "$out")" = "$first" ]
}
check told_before told_before

# Photos of 12 megapixels; each would take 36 MB.
large_photos() {
  local folder=$work/photos part class i peak
  mkdir -p "$folder"
  jpegtopnm -quiet "$data/train/birds/028.jpg" | pamscale -xsize 4000 -ysize 3000 |
    pnmtojpeg -quality 90 >"$work/photo.jpg" || return 1
  for class in "$data"/train/*/; do
    class=$(basename "$class")
    mkdir -p "$folder/train/$class" "$folder/val/$class"
    for ((i = 0; i < photos * 8 / 100; ++i)); do ln -s "$work/photo.jpg" "$folder/train/$class/$i.jpg"; done
    for ((i = 0; i < photos * 2 / 100; ++i)); do ln -s "$work/photo.jpg" "$folder/val/$class/$i.jpg"; done
  done
  /usr/bin/time -o "$work/peak" -f '%M %e' "$finetune" --data "$folder" --weights "$weights" \
    --recipe head --augment yes --epochs 1 --out "$work/large" >/dev/null || return 1
  read -r peak i <"$work/peak"
  echo "$(find "$folder" -name '*.jpg' | wc -l) links to one photo of 12 megapixels: a peak of" \
    "$((peak / 1000)) MB, $i s for one epoch"
  [ "$peak" -lt $((200000 + 300 * photos)) ]  # 500 MB for a thousand
}
check large_photos large_photos

echo "faults: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}, ${#skipped[@]} skipped: ${skipped[*]-}"
[ ${#failed[@]} -eq 0 ]
