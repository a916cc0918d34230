#!/bin/sh
# Sets everything up in .venv and runs `kodek demo`; arguments go to it.
set -eu
cd "$(dirname "$0")/.."
. scripts/setup.sh

setup .
exec .venv/bin/kodek demo "$@"
