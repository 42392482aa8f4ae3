# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages for the scripts of this folder: what a command needs is installed by the command.
# To be sourced by bash. Where nothing is missing apt-get is not even started.

# What it takes to build narke, its command-line program and its examples.
narke_build_packages=(
  g++ cmake ninja-build ccache pkg-config
  libhwloc-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libcli11-dev libstb-dev
  libthrust-dev
)

# What it takes besides to run the tests.
narke_test_packages=(libgtest-dev libgmock-dev python3 python3-jsonschema git valgrind)

# What it takes besides to build and run the benchmarks.
narke_bench_packages=(libtbb-dev libthread-pool-dev libstarpu-dev)

# What scripts/fuzz needs besides what it takes to build.
narke_fuzz_packages=(clang-14 libclang-rt-14-dev)

# narke_missing_packages PKG...: prints those of PKG... that are not installed, one a line.
narke_missing_packages() {
  local package status
  for package in "$@"; do
    status="$(dpkg-query -W -f='${db:Status-Status}\n' "${package}" 2>/dev/null || true)"
    grep -qx installed <<<"${status}" || printf '%s\n' "${package}"
  done
}

# narke_require_packages PKG...: installs what is missing, as root, else with sudo.
# Where neither can be, prints the command that would do it and exits 2.
narke_require_packages() {
  if ! command -v dpkg-query >/dev/null; then
    printf 'narke: no dpkg here, so nothing is installed; needed (Debian names): %s\n' "$*" >&2
    return 0
  fi
  local missing
  mapfile -t missing < <(narke_missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  local command_line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if ! narke_find_privilege; then
    printf 'narke: packages are missing, and installing them takes root. Run, as root:\n  %s\n' \
      "${command_line}" >&2
    exit 2
  fi
  printf 'narke: installing %s\n' "${missing[*]}" >&2
  if ! narke_install_packages "${missing[@]}"; then
    printf 'narke: installing packages failed. The command, to be run as root:\n  %s\n' \
      "${command_line}" >&2
    exit 2
  fi
}

# Sets narke_privilege to what a command of root's has to start with; fails where there is no way.
narke_find_privilege() {
  narke_privilege=()
  [[ "$(id -u)" -ne 0 ]] || return 0
  command -v sudo >/dev/null || return 1
  narke_privilege=(sudo)
  sudo -n true 2>/dev/null && return 0
  [[ -t 0 && -t 2 ]] && sudo -v
}

# Installs all of "$@". The lists of packages are fetched only when they lack a package or are too
# old to install from.
narke_install_packages() {
  if narke_have_candidates "$@" && narke_apt_get install -y --no-install-recommends "$@"; then
    return 0
  fi
  narke_apt_get update && narke_apt_get install -y --no-install-recommends "$@"
}

narke_have_candidates() {
  local package
  for package in "$@"; do
    apt-cache show --no-all-versions "${package}" >/dev/null 2>&1 || return 1
  done
}

# apt-get that asks nothing and waits for another apt-get to end. Its output goes to stderr.
narke_apt_get() {
  "${narke_privilege[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >&2 </dev/null
}
