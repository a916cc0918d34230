"""External programs: fed, read, timed out, and measured."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

from .errors import EvalError

_INTERVAL = 0.005  # between looks at a program's memory, in seconds
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
_peak = 0


def take_peak() -> int:
    """Largest resident set in bytes of the programs that ran since the last call; 0 if none did, and on Windows."""
    global _peak
    peak, _peak = _peak, 0
    return peak


def run(command: Sequence[str], stdin: bytes = b"", timeout: float = 300.0) -> bytes:
    """What a program writes to its standard output when `stdin` is written to its input.

    Raises EvalError when it can't be started, fails (with the last line of its messages) or is not done after
    `timeout` seconds, when it is killed.
    """
    name = os.path.basename(command[0])
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages)
        except OSError as error:
            raise EvalError(f"{name} can't be started: {error.strerror}.") from error
        watch = _Watch(process, timeout)
        feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
        try:
            watch.start()
            feeder.start()
            assert process.stdout is not None
            output = process.stdout.read()
            peak = _wait(process)
        finally:
            if process.returncode is None:  # interrupted
                process.kill()
                process.wait()
            watch.stop()
            feeder.join()
            process.stdout.close()  # type: ignore[union-attr]
        global _peak
        _peak = max(_peak, peak or watch.peak)
        if watch.late:
            raise EvalError(f"{name} was not done after {timeout:g} seconds.")
        if process.returncode:
            messages.seek(0)
            lines = messages.read().decode(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")
            raise EvalError(f"{name} failed with exit code {process.returncode}: {last}")
    return output


class _Watch(threading.Thread):
    """Kills a program that is late, and looks at its memory on the way."""

    def __init__(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        super().__init__(daemon=True)
        self.process, self.end = process, time.monotonic() + timeout
        self.peak, self.late = 0, False
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            self.peak = max(self.peak, _resident(self.process.pid))
            if time.monotonic() > self.end:
                self.late = True
                self.process.kill()
                return
            self._over.wait(_INTERVAL)

    def stop(self) -> None:
        self._over.set()
        self.join()


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, OSError):  # a program may end before it has read everything
        process.stdin.write(data)
    with contextlib.suppress(BrokenPipeError, OSError):
        process.stdin.close()


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Its peak in bytes, or 0 where the system doesn't tell.

    Linux counts the memory of the process that starts a program as that program's own, so that a peak which is no
    larger than ours says nothing.
    """
    if not hasattr(os, "wait4"):
        process.wait()
        return 0
    import resource

    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if sys.platform.startswith("linux") and usage.ru_maxrss <= ours:
        return 0
    return int(usage.ru_maxrss) * _UNIT


def _resident(pid: int) -> int:
    """Peak of a running process in bytes so far, where the system has /proc; else 0."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
