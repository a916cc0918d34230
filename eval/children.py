"""Programs run in fresh processes, for measurements that this process would disturb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
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
    peak = _json([sys.executable, "-c", _MEASURE, *command], environment)
    seconds = time.perf_counter() - start
    if peak[0]:
        raise EvalError(f"{' '.join(command)} failed with exit code {peak[0]}.")
    return Usage(peak[1] * _UNIT, seconds)


def run_module(module: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Any:
    """What `python -m module --job JSON` prints, parsed. Raises EvalError when it fails."""
    return _json([sys.executable, "-m", module, "--job", json.dumps(job)], environment)


def _json(command: list[str], environment: Mapping[str, str] | None) -> Any:
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise EvalError(f"A measuring process failed with exit code {done.returncode}; its message is above.")
    return json.loads(done.stdout)
