#!/usr/bin/env bash
# Compiles a program that must not compile. Each of its `// prints:` words must be in the first line
# of the error, each of its `// says:` words anywhere, and all output must be at most 2500 bytes.
# Usage: check.sh COMPILER SOURCE INCLUDE_DIR
set -uo pipefail
compiler=$1 source=$2 include=$3
if output=$("$compiler" -std=c++20 -fopenmp -fsyntax-only -isystem "$include" "$source" 2>&1); then
  echo "$source compiles, but must not"
  exit 1
fi
# Lists of includes and quoted source lines are not counted as facts.
facts=$(grep -vE '^In file included from|^ +from |^ +[0-9]* *\||^ *[~^]+$' <<<"$output")
first=$(grep -m1 'Diagnose<\|static assertion failed\|static_assert failed' <<<"$facts")
status=0
while IFS= read -r words; do
  grep -qF -- "$words" <<<"$first" || { echo "the first line lacks: $words"; status=1; }
done < <(sed -n 's|^// prints: ||p' "$source")
while IFS= read -r words; do
  grep -qF -- "$words" <<<"$facts" || { echo "nowhere printed: $words"; status=1; }
done < <(sed -n 's|^// says: ||p' "$source")
errors=$(grep -cE '(^|: )error:' <<<"$output")
[ "$errors" -eq 1 ] || { echo "$errors errors, not 1"; status=1; }
[ "${#output}" -le 2500 ] || { echo "${#output} bytes in all, more than 2500"; status=1; }
echo "$(basename "$compiler") printed ${#output} bytes:"
echo "$output"
exit $status
