#!/usr/bin/env bash
# The names directly in namespace frostline, as clang's lookup tables have them, are those of
# public.txt. Operators, which are found by their arguments, and namespaces do not count.
# Usage: check.sh SOURCE_DIR WORK_DIR [THRUST_INCLUDE_DIR...]; exit status 77: no clang++ here
set -euo pipefail
source=$1 work=$2/names
shift 2
command -v clang++ >/dev/null || { echo "skipped: clang++ is not installed"; exit 77; }
mkdir -p "$work"
list=$source/tests/names/public.txt
headers=(frostline images train/fit io/files/file_in_progress models/efficientnet_lite
  models/efficientnet models/convnext models/mobilenet_v2 models/mobilenet_v3 models/densenet models/vgg
  models/unet models/deeplab models/vit models/vit_s_14
  train/logistic_regression train/schedules optimizers/adam optimizers/lion optimizers/rmsprop)
grep -v '^#\|^$' "$list" >"$work/listed.txt"
twice=$(sort "$work/listed.txt" | uniq -d)
[ -z "$twice" ] || { echo "public.txt has twice: $twice"; exit 1; }
if [ $# -gt 0 ]; then
  headers+=(thrust)
else
  echo "without frostline/thrust.hpp: Thrust's or Eigen's headers are not here"
  sed -i '/^thrust_backend$/d' "$work/listed.txt"
fi
printf '#include "frostline/%s.hpp"\n' "${headers[@]}" >"$work/all.cpp"
read -ra eigen <<<"$(pkg-config --cflags-only-I eigen3)"
clang++ -std=gnu++20 -fopenmp -fsyntax-only -I"$source/include" "${@/#/-idirafter}" "${eigen[@]/#-I/-idirafter}" \
  -Xclang -ast-dump-lookups -Xclang -ast-dump-filter=frostline "$work/all.cpp" >"$work/lookups.txt"
# A table has the names of inline namespaces too, as lookup finds them.
awk -v quote="'" '
  /^StoredDeclsMap/ { direct = $2 == "Namespace" && $4 == quote "frostline" quote }
  direct && /DeclarationName/ { name = $NF; gsub(quote, "", name) }
  direct && /-(Namespace|NamespaceAlias) 0x/ { name = "" }
  direct && / 0x/ && name ~ /^[A-Za-z_0-9]+$/ { print name }' "$work/lookups.txt" |
  sort -u >"$work/declared.txt"
sort -u -o "$work/listed.txt" "$work/listed.txt"
new=$(comm -13 "$work/listed.txt" "$work/declared.txt")
gone=$(comm -23 "$work/listed.txt" "$work/declared.txt")
status=0
for name in $new; do
  echo "new in namespace frostline: $name; move it to frostline::detail, or add it to" \
    "tests/names/public.txt if programs or extensions write it, and name it in CHANGELOG.md"
  status=1
done
for name in $gone; do
  echo "no longer in namespace frostline: $name; programs may write it: declare it there, or take" \
    "it out of tests/names/public.txt and say in CHANGELOG.md what a user must change"
  status=1
done
echo "public names: $(wc -l <"$work/declared.txt")"
[ "$(wc -l <"$work/declared.txt")" -gt 50 ] && exit $status
