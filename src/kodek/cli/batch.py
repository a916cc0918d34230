"""One file or a folder of them: what goes where, progress, and a failing file that stops no other."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import Code, Failure, describe
from .progress import files_bar
from .streams import STANDARD, input_name
from .summary import Done, Failed, as_json, one_line, total_line


@dataclass(frozen=True)
class Job:
    """From `source` to `target`, each a path or "-"."""

    source: str
    target: str


def is_folder(source: str) -> bool:
    return source != STANDARD and Path(source).is_dir()


def single(source: str, target: str | None, suffix: Callable[[str], str]) -> Job:
    """One file. Without a target: `source` with the suffix that it is to get, or stdout for stdin."""
    if target is None:
        target = STANDARD if source == STANDARD else str(Path(source).with_suffix(suffix(source)))
    return Job(source, target)


def folder(source: str, target: str | None, files: Sequence[Path], suffix: Callable[[str], str]) -> list[Job]:
    """The files of folder `source`, each to its place below folder `target`.

    ``a.png`` becomes ``a.kdk``; where two would get the same name, all keep their suffixes (``a.png.kdk``).

    Raises:
        Failure: there is no target, or it can't be a folder.
    """
    if target is None or target == STANDARD:
        raise Failure(Code.USAGE, f"{source} is a folder: name a folder for the output too.")
    stems = [file.with_suffix("") for file in files]
    names = stems if len(set(stems)) == len(files) else files
    places = [Path(target, name.relative_to(source)) for name in names]
    try:
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{target} can't be a folder: {error.strerror or error}.") from error
    return [Job(str(file), f"{place}{suffix(str(file))}") for file, place in zip(files, places, strict=True)]


def each(files: Sequence[str], action: Callable[[str], None]) -> int:
    """Do `action` for every file and return the exit code, as `run` does."""
    code = Code.OK
    for file in files:
        try:
            action(file)
        except Exception as error:
            if len(files) == 1:
                raise
            failure = describe(error, input_name(file))
            print(failure.line, file=sys.stderr)
            code = code or failure.code
    return code


def run(jobs: Sequence[Job], work: Callable[[Job], Done], *, many: bool, json: bool) -> int:
    """Do every job, say what was done and return the exit code, which is the first failure's.

    A single job's failure is raised, so that it is said once and nothing else is.
    """
    if json and any(job.target == STANDARD for job in jobs):
        raise Failure(Code.USAGE, "--json needs the standard output, so '-' can't be the output file.")
    start = time.monotonic()
    done: list[Done] = []
    failed: list[Failed] = []
    with files_bar(len(jobs), many) as advance:
        for job in jobs:
            try:
                done.append(work(job))
            except Exception as error:
                if not many:
                    raise
                failure = describe(error, input_name(job.source))
                failed.append(Failed(job.source, failure))
                advance(failure.line, None)
            else:
                advance(_notes(done[-1]), done[-1])
    seconds = time.monotonic() - start
    if json:
        print(as_json(done, failed, seconds))
    elif many:
        print(total_line(done, failed, seconds))
    elif done[0].output != STANDARD:
        print(one_line(done[0]))
    codes = [row.failure.code for row in failed] + [row.code for row in done]
    return next((code for code in codes if code), Code.OK)


def _notes(row: Done) -> str:
    notes = [row.remark] if row.remark else []
    if row.notes:
        notes.append(f"not kept: {', '.join(row.notes)}")
    return f"kodek: {input_name(row.input)}: {'; '.join(notes)}." if notes else ""
