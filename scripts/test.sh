#!/bin/sh
# Sets everything up in .venv and runs every check that a change must pass; arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

export SKBUILD_CMAKE_DEFINE="KODEK_WERROR=ON"
setup ".[dev,eval,perception,train]"
PATH="$PWD/.venv/bin:$PATH"

# For the test of the report in a real browser, which is skipped without one; only where it is asked for, as in CI.
if [ -n "${KODEK_APT_BROWSER:-}" ] && ! command -v chromium >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null 2>&1 || echo "no chromium" >&2
fi

echo "== format and lint"
ruff format --check .
ruff check .
clang-format --dry-run --Werror entropy/csrc/*.cpp entropy/csrc/*.hpp

echo "== types"
# From tests/: in the root mypy takes codecs/ for the standard library's module of that name.
(cd tests && mypy --config-file ../pyproject.toml -p kodek)

echo "== C++ under address and undefined-behaviour sanitizers"
cmake -S . -B build/sanitized -G Ninja -DKODEK_FUZZ=ON -DKODEK_WERROR=ON >/dev/null
cmake --build build/sanitized >/dev/null
build/sanitized/fuzz

echo "== tests"
exec pytest "$@"
