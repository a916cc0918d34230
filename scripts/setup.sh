# Sourced by demo.sh and test.sh, in the root of the repository: `setup REQUIREMENT...` makes .venv and installs there.
# kodek itself is installed as its users have it (a regular install, not an editable one).

setup() {
    if [ ! -x .venv/bin/python ]; then
        find_python
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"
}

find_python() {
    for python in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    echo "kodek needs Python 3.11 or newer; name it in PYTHON." >&2
    exit 1
}
