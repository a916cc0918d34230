"""Programs run in fresh processes, for measurements that this process would disturb."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import EvalError

# what `kodek` sets at its start (see kodek._malloc), as glibc reads it from the environment of a process
_KEEP = str((1 << 31) - 1)
MALLOC: dict[str, dict[str, str]] = {
    "tuned": {
        "MALLOC_MMAP_THRESHOLD_": _KEEP,
        "MALLOC_TRIM_THRESHOLD_": _KEEP,
        "MALLOC_TOP_PAD_": str(64 << 20),
        "MALLOC_ARENA_MAX": "1",
    },
    "default": {},
}

# The peak of a process counts from its fork, when it still is its parent: so the parent must be small. `kodek` alone
# imports more than this does.
_MEASURE = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(json.dumps([code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


@dataclass(frozen=True)
class Usage:
    """peak: largest resident set in bytes; seconds: from start to end, imports included."""

    peak: int
    seconds: float


def usage(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command by itself and measure it (Linux and macOS). Raises EvalError when it fails."""
    start = time.perf_counter()
    done = _run([sys.executable, "-c", _MEASURE, *command], environment)
    seconds = time.perf_counter() - start
    code, peak = json.loads(done.stdout)
    if code:
        raise EvalError(f"{' '.join(command)} failed with exit code {code}: {_last_line(done.stderr)}")
    return Usage(peak * _UNIT, seconds)


def run_module(module: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Any:
    """What `serve` answers in `python -m module --job JSON`. Raises EvalError when that fails."""
    return json.loads(_run([sys.executable, "-m", module, "--job", json.dumps(job)], environment).stdout)


def serve(work: Callable[..., Any]) -> None:
    """The other end of `run_module`: call `work` with the job as its arguments, and print its result as JSON."""
    parser = argparse.ArgumentParser(description="A part of `kodek bench` that needs a process of its own.")
    parser.add_argument("--job", required=True, type=json.loads)
    print(json.dumps(work(**parser.parse_args().job)))


def _run(command: list[str], environment: Mapping[str, str] | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvalError(f"A process failed with exit code {done.returncode}: {_last_line(done.stderr)}")
    return done


def _last_line(text: str) -> str:
    """Of what a process said: where an exception names itself."""
    return (text.strip().splitlines() or ["it did not say why."])[-1]
