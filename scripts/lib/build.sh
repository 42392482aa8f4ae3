# shellcheck shell=bash disable=SC2034,SC2154
# Configure, build and test, for the scripts of this folder. To be sourced by bash; `root` is the
# folder of the project.

# narke_section TITLE: the head of a part of a long output, with the seconds since the script began.
narke_section() {
  printf '\n==== %s (at %d s)\n' "$1" "${SECONDS}"
}

# narke_build PRESET [TARGET...]: configures build/PRESET and builds TARGET... there, or everything.
narke_build() {
  local preset="$1"
  shift
  local targets=()
  [[ $# -eq 0 ]] || targets=(--target "$@")
  narke_section "configure ${preset}"
  (cd "${root}" && cmake --preset "${preset}")
  narke_section "build ${preset}"
  (cd "${root}" && cmake --build --preset "${preset}" -j "$(nproc)" "${targets[@]}")
}

# narke_check_ctest_options OPTION...: fails, with the reason in narke_problem, where ctest would
# pass over an option that it does not know, and so run other tests than were asked for.
narke_check_ctest_options() {
  local flags=" -N -V -VV --verbose --extra-verbose -Q --quiet --rerun-failed --stop-on-failure
    --schedule-random --print-labels --progress --output-on-failure "
  local with_value=" -R -E -L -LE -I -j -T -O --tests-regex --exclude-regex --label-regex
    --label-exclude --tests-information --parallel --repeat --timeout --output-log
    --output-junit --stop-time --test-output-size-failed "
  local value
  while [[ $# -gt 0 ]]; do
    if [[ "${flags}" == *[[:space:]]"$1"[[:space:]]* || "$1" =~ ^-j[0-9]+$ ]]; then
      shift
    elif [[ "${with_value}" == *[[:space:]]"$1"[[:space:]]* ]]; then
      value="${2-}"
      if [[ -z "${value}" ]]; then
        narke_problem="$1 needs a value"
        return 1
      fi
      shift 2
    else
      narke_problem="unknown option \"$1\""
      return 1
    fi
  done
}

# narke_run_ctest PRESET OPTION...: runs the tests of build/PRESET and closes with their count.
# Returns 1 when a test failed or none was there to run.
narke_run_ctest() {
  local preset="$1"
  shift
  local results="${root}/build/${preset}/test-results.xml"
  narke_section "test ${preset}"
  rm -f "${results}"
  local status=0
  (cd "${root}" && ctest --preset "${preset}" -j "$(nproc)" --output-junit "${results}" "$@") \
    || status=1
  if [[ -f "${results}" ]]; then
    narke_count_results "${results}"
  fi
  return "${status}"
}

# narke_count_results FILE: one line, such as `41 passed, 0 failed, 2 skipped`.
narke_count_results() {
  python3 - "$1" <<'END'
import sys
from xml.etree import ElementTree

suite = ElementTree.parse(sys.argv[1]).getroot()
count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "skipped", "disabled")}
skipped = count["skipped"] + count["disabled"]
passed = count["tests"] - count["failures"] - skipped
print(f"{passed} passed, {count['failures']} failed, {skipped} skipped")
END
}
