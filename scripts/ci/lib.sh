# Sourced by the shell gates: phases with their seconds, and the count every run ends with.
# shellcheck shell=bash
PASSED=0
FAILED=0
JOBS=$(nproc)
export JOBS
export NINJA_STATUS='[%f/%t] '

phase() {  # a headline for what follows, with the seconds since the start
  printf '\n== %s (at %d s)\n' "$1" "$SECONDS"
}

quietly() {  # runs a command; its output is shown only if it fails
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    printf 'failed: %s\n' "$*"
    tail -n 60 "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# Options of every sanitized build. b_lundef: clang links sanitizer runtimes into programs only.
# Of debug information only what a stack trace needs: the rest costs a third of the compile time.
SANITIZED=(-Dharden=false -Dbench=false -Db_lundef=false -Dbuildtype=plain -Doptimization=1)
SANITIZED_ARGS=-g1

# As scripts/build does: some hundred and fifty programs are linked up to four times. Meson and CMake
# both read LDFLAGS when they configure.
if command -v mold >/dev/null && [[ ${LDFLAGS-} != *-fuse-ld=* ]]; then
  export LDFLAGS="${LDFLAGS-} -fuse-ld=mold"
fi

configure_asan() {  # DIR: one build for tests and fuzz targets
  [ -f "$1/build.ninja" ] && return
  CXX="$(command -v ccache || true) clang++" quietly meson setup "$1" "${SANITIZED[@]}" \
    -Dfuzz=true -Db_sanitize=address,undefined "-Dcpp_args=$SANITIZED_ARGS -fno-sanitize-recover=undefined"
}

read_list() {  # the entries of a list file
  grep -vE '^(#|$)' "$1" || true
}

count() {  # PASSED FAILED
  PASSED=$((PASSED + $1))
  FAILED=$((FAILED + $2))
}

gate() {  # NAME COMMAND…: one gate counts as one test
  local name=$1 from=$SECONDS
  shift
  phase "$name"
  if "$@" </dev/null; then count 1 0; else count 0 1 && echo "FAILED: $name"; fi
  printf '   %s took %d s\n' "$name" $((SECONDS - from))
}

count_last_line() {  # LOG: adds a `N passed, N failed` line another run ended with
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1)
  [ -n "$line" ] || { echo "no result line in $1"; count 0 1; return; }
  # shellcheck disable=SC2086
  set -- $line
  count "$1" "$3"
}

count_meson() {  # DIR: adds the outcome of the last `meson test` there
  local log=$1/meson-logs/testlog.json
  [ -s "$log" ] || { echo "no tests ran in $1"; count 0 1; return; }
  # shellcheck disable=SC2046
  count $(/usr/bin/python3 - "$log" <<'PY'
import json, sys
results = [json.loads(line)["result"] for line in open(sys.argv[1], encoding="utf-8")]
good = sum(r in ("OK", "EXPECTEDFAIL") for r in results)
skipped = results.count("SKIP")  # neither passed nor failed; the run above names them
print(good, len(results) - good - skipped)
PY
  )
}

finish() {  # the last line, and the exit code it means
  printf '\n%d passed, %d failed\n' "$PASSED" "$FAILED"
  [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
}
