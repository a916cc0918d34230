"""External programs neither hang nor fail in silence."""

from __future__ import annotations

import sys

import pytest
from kodek.eval.errors import EvalError
from kodek.eval.programs import run, take_peak

PYTHON = [sys.executable, "-S", "-c"]


def test_large_pipes() -> None:
    data = bytes(range(256)) * 40_000
    program = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    assert run([*PYTHON, program], data) == data


def test_input_that_is_not_read() -> None:
    assert run([*PYTHON, "print(7, end='')"], bytes(10_000_000)) == b"7"


def test_failure_names_the_last_message() -> None:
    program = "import sys; print('first\\nthe reason\\n', file=sys.stderr); sys.exit(3)"
    with pytest.raises(EvalError, match=r"exit code 3: the reason$"):
        run([*PYTHON, program])
    with pytest.raises(EvalError, match="no-such-program can't be started"):
        run(["no-such-program"])


def test_timeout() -> None:
    with pytest.raises(EvalError, match=r"not done after 0\.2 seconds"):
        run([*PYTHON, "import time; time.sleep(60)"], bytes(10_000_000), timeout=0.2)


@pytest.mark.skipif(sys.platform == "win32", reason="no peak on Windows")
def test_peak_is_that_of_the_program() -> None:
    take_peak()
    ours = bytearray(b"x") * (300 << 20)  # must not count
    run([*PYTHON, "import time; x = bytearray(b'x') * (64 << 20); time.sleep(0.1)"])
    peak = take_peak()
    assert 64 << 20 < peak < 200 << 20
    assert take_peak() == 0
    del ours
