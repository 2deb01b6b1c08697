#!/usr/bin/env bash
# Runs both commands of the README in a fresh root of another distribution. debootstrap makes the
# root from the mirrors that apt has here; build/distributions keeps it, so that the next run is
# quick. Usage: tests/distributions/run.sh [SUITE=trixie] [PRESET=gcc]
#   environment: MIRROR, from which packages come (otherwise apt's sources are tried); KEYRING, with
#                the key of their signatures, if it is not debootstrap's default
# For Ubuntu 24.04 on Debian: SUITE=noble, MIRROR=http://archive.ubuntu.com/ubuntu, and the KEYRING
# of Ubuntu's package ubuntu-keyring.
set -uo pipefail
cd "$(dirname "$0")/../.."
suite=${1:-trixie} preset=${2:-gcc}
folder=build/distributions/$suite
root=$folder/root
commands=("tests/run.sh $preset")
[ "$preset" != gcc ] || commands+=("examples/run.sh")  # which gcc compiles
names=("${commands[@]/#/$suite: }")
passed=() failed=() skipped=()
finish() {
  echo "distributions: ${#passed[@]} passed, ${#failed[@]} failed: ${failed[*]-}, ${#skipped[@]} skipped: ${skipped[*]-}"
  [ ${#failed[@]} -eq 0 ]
  exit
}
skip_all() {
  echo "skipped: $1"
  for name in "${names[@]}"; do skipped+=("$name ($1)"); done
  finish
}
fail_all() {
  echo "$1"
  failed=("${names[@]}")
  finish
}
mirrors() {  # prints the addresses of apt's sources
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's/^URIs: *//p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' | tr ' ' '\n' | sort -u
}
has_suite() { curl -fsSL --max-time 20 -o /dev/null "${1%/}/dists/$suite/Release" 2>/dev/null; }

make_root() {
  local mirror=${MIRROR-} address
  scripts/install.sh distributions || skip_all "debootstrap cannot be installed"
  for address in $(mirrors); do
    [ -n "$mirror" ] || { has_suite "$address" && mirror=$address; }
  done
  [ -n "$mirror" ] || skip_all "none of apt's mirrors has $suite: $(mirrors | tr '\n' ' ')"
  echo "debootstrap takes $suite from $mirror"
  # An older debootstrap does not know newer suites, which are made like older ones.
  local scripts=/usr/share/debootstrap/scripts script=sid options=(--variant=minbase)
  [[ $mirror != *ubuntu* ]] || { script=gutsy && options+=(--components=main,universe); }
  [ ! -e "$scripts/$suite" ] || script=$suite
  [ -z "${KEYRING-}" ] || options+=(--keyring="$KEYRING")
  rm -rf --one-file-system "$root.partial"
  debootstrap "${options[@]}" "$suite" "$root.partial" "$mirror" $scripts/$script \
    >"$folder/debootstrap.log" 2>&1 ||
    { tail -n 5 "$folder/debootstrap.log"; fail_all "debootstrap failed"; }
  echo force-unsafe-io >"$root.partial/etc/dpkg/dpkg.cfg.d/unsafe-io"  # the root is temporary
  mv "$root.partial" "$root"
}
# The checkout without files that git ignores; earlier builds in the root stay.
copy_checkout() {
  local copy=$root/frostline
  mkdir -p "$copy" && find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} + &&
    git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
      tar --create --null --files-from=- | tar --extract --directory "$copy"
}
# Runs a command in the root, with this machine's network, in mounts that are removed with it.
# shellcheck disable=SC2016
inside() {
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && chroot "$0" "$@"' \
    "$root" env HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}" bash -c 'cd /frostline && "$@"' bash "$@"
}
check() {  # check NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  echo "---- $name"
  if inside "$@" </dev/null; then passed+=("$name"); else failed+=("$name"); fi
  echo "---- $name took $((SECONDS - start)) s"
}

[ "$(id -u)" -eq 0 ] || skip_all "chroot needs root"
mkdir -p "$folder"
[ -d "$root" ] || make_root
copy_checkout || fail_all "the checkout cannot be copied"
inside true 2>$folder/inside.log || skip_all "no chroot here: $(tail -n 1 $folder/inside.log)"
for i in "${!commands[@]}"; do
  # shellcheck disable=SC2086
  check "${names[$i]}" ${commands[$i]}
done
finish
