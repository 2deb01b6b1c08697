# Sourced by the scripts that count what they check: passed=() failed=() are the caller's.
check() {  # check NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  echo "---- $name"
  if "$@"; then passed+=("$name"); else failed+=("$name"); fi
  echo "---- $name took $((SECONDS - start)) s"
}
