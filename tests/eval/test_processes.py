"""Jobs in processes: results, exceptions, and a process that dies."""

from __future__ import annotations

import operator
import os
from functools import partial

from kodek.eval.processes import each
from kodek.eval.sample import Media
from kodek.eval.worker import Start

START = Start("nowhere", Media.IMAGE, None, "cpu")


def test_results_and_exceptions() -> None:
    jobs = [partial(int, text) for text in ("1", "x", "3")]
    found = {job.args[0]: result for job, result in each(operator.call, jobs, 2, START)}
    assert (found["1"], found["3"]) == (1, 3) and isinstance(found["x"], ValueError)


def test_only_the_job_that_kills_its_process_fails() -> None:
    jobs = [partial(int, "1"), partial(os._exit, 3), *(partial(int, str(n)) for n in range(2, 9))]
    found = list(each(operator.call, jobs, 2, START))
    assert len(found) == len(jobs)
    assert sorted(result for job, result in found if job.func is int) == list(range(1, 9))
    (death,) = (result for job, result in found if job.func is os._exit)
    assert "died" in str(death)


def test_nothing_to_do() -> None:
    assert list(each(operator.call, [], 2, START)) == []
