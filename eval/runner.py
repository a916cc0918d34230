"""An evaluation: every codec at each of its settings over every file, in two passes.

First quality: files are coded, decoded and measured by one process a core, each on one thread. Then timings: in series,
with nothing beside, each codec in a process of its own. All that is measured is written at once, and a run into the
same folder goes on where an earlier one stopped: a row is done if its codec has the versions of now and it has the
measures that are asked for.
"""

from __future__ import annotations

import json
import operator
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kodek.datasets import MediaError, atomic_write

from . import worker
from .codec import Codec
from .data import Data
from .errors import EvalError, Unavailable
from .lineup import ORIGINAL
from .measures import Meter, find_meter
from .processes import each
from .results import ROWS, RUN, STREAMS, TIMINGS, read_run
from .rows import Journal, Row
from .sample import Media
from .worker import Job

Progress = Callable[[str, int, int, str], None]  # pass, done, of how many, what

# quick ones, without networks
DEFAULT_MEASURES = {
    Media.IMAGE: ("psnr", "ssim", "ms-ssim"),
    Media.AUDIO: ("si-sdr", "mel", "stoi"),
    Media.VIDEO: ("psnr", "ssim", "vmaf", "xpsnr"),
}


@dataclass
class Outcome:
    """What a run could not do. unavailable: codec or measure -> why; unreadable: file -> why; errors: rows.

    measured: how many rows have values.
    """

    unavailable: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    errors: list[Row] = field(default_factory=list)
    measured: int = 0


class Run:
    """One call of the evaluation into the folder `out`.

    codecs: names as `lineup.codec` takes them; meters: names of `measures.meters`. jobs: processes of the first pass
    (default: one a core). timed: how many files the second pass times (None: all). device: of kodek's networks.
    Raises EvalError and MediaError for what is wrong with the request itself, before anything is measured.
    """

    def __init__(
        self,
        data: Data,
        out: Path,
        codecs: Sequence[str],
        meters: Sequence[str],
        jobs: int | None = None,
        timed: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.data, self.out = data, out
        self.jobs = jobs or os.cpu_count() or 1
        self.timed = len(data.names) if timed is None else min(timed, len(data.names))
        self.outcome = Outcome()
        self._started = _now()
        self._command = shlex.join(["kodek", *sys.argv[1:]])
        self._before = read_run(out)
        if self._before and (self._before["data"], self._before["files"]) != (data.spec, len(data.names)):
            raise EvalError(f"{out} holds results of {self._before['files']} files of {self._before['data']}.")
        self._start = worker.Start(data.spec, data.media, data.limit, device)
        self.codecs, self.meters = self._available(codecs, meters)
        if not self.codecs:
            raise EvalError("There is no codec to measure: " + "; ".join(self.outcome.unavailable.values()))

    def __call__(self, progress: Progress) -> Outcome:
        self.out.mkdir(parents=True, exist_ok=True)
        self._describe()
        self._quality(progress)
        self._timings(progress)
        self._describe(_now())
        return self.outcome

    def _available(self, specs: Sequence[str], names: Sequence[str]) -> tuple[dict[str, Codec], dict[str, Meter]]:
        """Codecs and meters by the names they were asked for; those that this machine lacks are noted and left out.

        They are looked at in another process, because that may load networks.
        """
        meters = {name: find_meter(name) for name in names}
        looks: list[partial[Any]] = [partial(worker.inspect_codec, spec) for spec in dict.fromkeys(specs)]
        looks += [partial(worker.inspect_meter, name) for name in meters]
        found = {}
        for look, result in each(operator.call, looks, 1, self._start):
            (name,) = look.args
            if isinstance(result, Unavailable):
                self.outcome.unavailable[name] = str(result)
            elif isinstance(result, Exception):
                raise result
            else:
                found[name] = result
        media, holds = self.data.media, f"which is what {self.data.spec} holds"
        for name, meter in meters.items():
            if media not in meter.media:
                raise EvalError(f"{name} does not measure {media}, {holds}.")
        codecs = {spec: found[spec] for spec in specs if spec in found}
        for spec, codec in codecs.items():
            if codec.media is not media:
                raise EvalError(f"{spec} does not code {media}, {holds}.")
        return codecs, {name: meter for name, meter in meters.items() if name in found}

    def _describe(self, finished: str | None = None) -> None:
        """`run.json`: the requests into this folder, what was measured with, and what the last one lacked."""
        described = {
            "commands": list(dict.fromkeys([*self._before.get("commands", []), self._command])),
            "data": self.data.spec,
            "files": len(self.data.names),
            "media": str(self.data.media),
            "started": self._before.get("started", self._started),
            "finished": finished,
            "codecs": self._before.get("codecs", {})
            | {
                codec.name: {"settings": codec.settings, "versions": codec.versions, "about": codec.about}
                for codec in self.codecs.values()
            },
            "meters": self._before.get("meters", {})
            | {
                name: {
                    "versions": _versions(meter.packages),
                    "judge": meter.judge,
                    "task": meter.task,
                    "source": meter.source,
                }
                for name, meter in self.meters.items()
            },
            "unavailable": self.outcome.unavailable,
            "unreadable": self.outcome.unreadable,
            "environment": _environment(),
        }
        with atomic_write(self.out / RUN) as file:
            file.write(json.dumps(described, indent=1).encode())

    def _quality(self, progress: Progress) -> None:
        journal = Journal(self.out / ROWS)
        wanted = [job for file in self.data.names for job in self._jobs_of(file)]
        todo = [todo for job in wanted if (todo := self._missing(job, journal)) is not None]
        done = len(wanted) - len(todo)
        for job, result in each(worker.measure, todo, self.jobs, self._start):
            done += 1
            progress("quality", done, len(wanted), f"{job.file} {job.name} {job.setting:g}")
            if isinstance(result, MediaError):
                self.outcome.unreadable[job.file] = str(result)
            elif isinstance(result, Exception):
                journal.add(self._died(job, result))
            else:
                journal.add(self._merged(result, journal))
        keys = [(job.name, job.setting, job.file) for job in wanted]
        journal.finish(keys)
        rows = [journal.rows[key] for key in keys if key in journal.rows]
        self.outcome.errors = [row for row in rows if "error" in row]
        self.outcome.measured = len(rows) - len(self.outcome.errors)

    def _timings(self, progress: Progress) -> None:
        """Files are spread over the data; a codec that failed on one is not timed there."""
        journal = Journal(self.out / TIMINGS)
        failed = {(row["codec"], row["setting"], row["file"]) for row in self.outcome.errors}
        names = [name for name in self.data.names if name not in self.outcome.unreadable]
        files = [names[number * len(names) // self.timed] for number in range(self.timed)] if names else []
        todo: dict[str, list[Job]] = {}
        order = []
        for spec, codec in self.codecs.items():
            for file in files:
                for job in self._jobs(spec, codec, file):
                    key = job.name, job.setting, file
                    order.append(key)
                    row = journal.rows.get(key)
                    if key not in failed and (row is None or row["versions"] != codec.versions):
                        todo.setdefault(spec, []).append(job)
        done = len(order) - sum(map(len, todo.values()))
        for jobs in todo.values():
            for job, result in each(worker.timing, jobs, 1, self._start, one_thread=False):
                done += 1
                progress("timings", done, len(order), f"{job.file} {job.name} {job.setting:g}")
                if not isinstance(result, Exception):
                    journal.add(result)
        journal.finish(order)

    def _jobs_of(self, file: str) -> Iterator[Job]:
        """Of one file, one after the other, so that a process reads it once."""
        tasks = tuple(name for name, meter in self.meters.items() if meter.task)
        if tasks:
            yield Job(ORIGINAL, ORIGINAL, 0.0, file, tasks, self.out, False)
        for spec, codec in self.codecs.items():
            yield from self._jobs(spec, codec, file)

    def _jobs(self, spec: str, codec: Codec, file: str) -> Iterator[Job]:
        for setting in codec.settings:
            stream = self.out / STREAMS / codec.name / f"{setting:g}" / f"{file}{codec.suffix}"
            yield Job(spec, codec.name, float(setting), file, tuple(self.meters), stream, False)

    def _missing(self, job: Job, journal: Journal) -> Job | None:
        """What is left to do of a job after earlier runs."""
        row = journal.rows.get((job.name, job.setting, job.file))
        versions = {} if job.codec == ORIGINAL else self.codecs[job.codec].versions
        if row is None or "error" in row or row["versions"] != versions:
            return job
        known = {*row["measures"], *row.get("failed", {})}
        missing = tuple(
            name for name in job.meters if not known & {name, *(measure.name for measure in self.meters[name].measures)}
        )
        return replace(job, meters=missing, kept=True) if missing else None

    def _merged(self, row: Row, journal: Journal) -> Row:
        """A row with the measures that an earlier run found for the same file of the same codec."""
        old = journal.rows.get((row["codec"], row["setting"], row["file"]))
        if old is None or "error" in row or "error" in old or old["versions"] != row["versions"]:
            return row
        known = {name: value for name, value in old["measures"].items() if name not in row["measures"]}
        failed = {**old.get("failed", {}), **row.get("failed", {})}
        return {**row, "measures": known | row["measures"], **({"failed": failed} if failed else {})}

    def _died(self, job: Job, error: Exception) -> Row:
        """The row of a file that took its process along, as when the memory was not enough."""
        versions = {} if job.codec == ORIGINAL else self.codecs[job.codec].versions
        row: Row = {"codec": job.name, "setting": job.setting, "file": job.file, "media": str(self.data.media)}
        return row | {"versions": versions, "error": str(error)}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": _versions(("kodek", "numpy", "torch", "pytorch-msssim", "pillow", "bjontegaard", "scipy")),
    }


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """The model of the CPU where Linux names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
