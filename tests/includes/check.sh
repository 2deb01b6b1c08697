#!/usr/bin/env bash
# No header includes one of a higher room. The list of rooms begins with the lowest.
# A room is the longest of these folders that a header is in; the headers above all rooms only
# include. Only X.hpp includes X_body.hpp, whose bodies frostline::compiled has.
# Usage: check.sh [INCLUDE_DIR=include]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-include}/frostline
rooms=(core layers losses optimizers rewrite models graph program backend/cpu backend/thrust backend
       io/files io/weights io/images network checkpoint data train .)
level_of() {  # the number of a header's room
  local i directory
  directory=$(dirname "$1")
  for i in "${!rooms[@]}"; do
    [ "${rooms[$i]}" != "$directory" ] || { echo "$i"; return; }
  done
  echo "$1 is in no room that tests/includes/check.sh knows" >&2
  return 1
}
status=0 includes=0
for header in $(cd "$folder" && find . -name '*.hpp' | sed 's|^\./||' | sort); do
  from=$(level_of "$header")
  for included in $(sed -n 's|^#include "frostline/\(.*\)"|\1|p' "$folder/$header"); do
    to=$(level_of "$included")
    includes=$((includes + 1))
    if [[ $included == *_body.hpp && $header != "${included/_body.hpp/.hpp}" ]]; then
      echo "$header includes $included, which only ${included/_body.hpp/.hpp} and src/ may"
      status=1
    fi
    [ "$to" -le "$from" ] && continue
    echo "$header includes $included, which is in a higher room"
    status=1
  done
done
echo "includes between headers: $includes"
[ "$includes" -gt 0 ] && exit $status
