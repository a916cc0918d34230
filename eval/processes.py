"""Work spread over fresh processes that may die, and that die with their parent."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from . import worker
from .children import MALLOC
from .errors import EvalError

T = TypeVar("T")

# one process a core: libraries that start threads of their own would only fight
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def each(
    work: Callable[[T], Any], jobs: Sequence[T], processes: int, start: worker.Start, one_thread: bool = True
) -> Iterator[tuple[T, Any | Exception]]:
    """Do `work` for every job in other processes; yields (job, result or exception) as they come.

    one_thread: in each process; else as many as its libraries like.

    A process that dies takes down those beside it: all that were under way are done again one by one, and only the one
    that dies again counts as failed.
    """
    waiting = deque(jobs)
    while waiting:
        suspects: list[T] = []
        yield from _together(work, waiting, processes, start, one_thread, suspects)
        for job in suspects:
            alone: list[T] = []
            yield from _together(work, deque([job]), 1, start, one_thread, alone)
            if alone:
                yield job, EvalError("The process that worked on it died, perhaps for want of memory.")


def _together(
    work: Callable[[T], Any],
    waiting: deque[T],
    processes: int,
    start: worker.Start,
    one_thread: bool,
    suspects: list[T],
) -> Iterator[tuple[T, Any | Exception]]:
    """As `each`, up to the death of a process; the jobs that were then under way go to `suspects`."""
    context = multiprocessing.get_context("spawn")
    processes = min(processes, len(waiting))
    running: dict[Future[Any], T] = {}
    environment = MALLOC["tuned"] | (_ONE_THREAD if one_thread else {})
    with _environment(environment):
        pool = ProcessPoolExecutor(processes, context, worker.begin, (start,))
        try:
            while waiting or running:
                while waiting and len(running) < 2 * processes:
                    job = waiting.popleft()
                    running[pool.submit(work, job)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects += running.values()
                        return
                    yield running.pop(future), future.exception() or future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            if running:  # left early: by the death of a process, by Ctrl-C
                for process in multiprocessing.active_children():
                    process.terminate()


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Processes read their number of threads from the environment that they are started in."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
