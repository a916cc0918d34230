"""The command line: `main` runs a command, and turns what goes wrong into one sentence and an exit code."""

import os
import sys
from collections.abc import Sequence

from .errors import Code, Failure, describe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``kodek`` with `arguments` (the process's own by default) and return its exit code."""
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        code = Code.INTERRUPTED
    except SystemExit:  # typer's answer to a reader that has left, as in `kodek models | head -1`
        code = Code.OK
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes once more at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code == Code.OK and not isinstance(error, BrokenPipeError):
            code = _tell(describe(error))
    return code


def _run(arguments: Sequence[str] | None) -> int:
    from kodek._malloc import tune

    tune()
    try:
        from .app import run

        return run(arguments)
    except Exception as error:
        return _tell(describe(error))


def _tell(failure: Failure) -> int:
    if os.environ.get("KODEK_DEBUG"):
        import traceback

        traceback.print_exc()
    print(failure.line, file=sys.stderr)
    return failure.code
