#!/bin/sh
# Sets everything up in .venv and runs every check that a change must pass; arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

export SKBUILD_CMAKE_DEFINE="KODEK_WERROR=ON"
setup torchaudio ".[dev,eval,train]"
PATH="$PWD/.venv/bin:$PATH"

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
