#!/usr/bin/env bash
# Writes the three lock files anew from pyproject.toml: exact versions, every published file's sha256, no address.
#   requirements/runtime.txt      what a deployment installs (core and all extras)
#   requirements/development.txt  the same versions, and what builds, checks and tests
#   requirements/bench.txt        the peers that the benchmarks are measured against, in an environment of their own
# Arguments are handed to the resolver, for example: requirements/compile.sh --upgrade
set -euo pipefail
cd "$(dirname "$0")/.."
uv_version=0.13.8

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv_version"

# Only the default index counts: a machine's own mirrors and wheel folders must not leave their hashes here.
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_INDEX_URL UV_INDEX UV_EXTRA_INDEX_URL UV_DEFAULT_INDEX UV_FIND_LINKS
lock() {
  "$work/venv/bin/uv" pip compile pyproject.toml --no-config --universal --python-version 3.11 --generate-hashes \
    --only-binary :all: --all-extras --no-header --no-emit-index-url --no-emit-find-links \
    --custom-compile-command requirements/compile.sh --quiet "$@"
}
lock --output-file requirements/runtime.txt "${@:1}"
lock --group development --constraint requirements/runtime.txt --output-file requirements/development.txt "${@:1}"
lock --group bench --constraint requirements/runtime.txt --output-file requirements/bench.txt "${@:1}"

if grep -nE '://|^-|^ *file:' requirements/*.txt; then
  echo "a lock file names an address or an option (lines above); the locks hold names, versions and hashes alone" >&2
  exit 1
fi
