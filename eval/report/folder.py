"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kodek.datasets import MediaWriteError

PAGE = "index.html"
MARKER = "kodek report"  # the page's generator: what it is in may be replaced by another


def is_report(folder: Path) -> bool:
    try:
        with (folder / PAGE).open(encoding="utf-8") as page:
            return f'<meta name="generator" content="{MARKER}">' in page.read(2000)
    except (OSError, UnicodeDecodeError):
        return False


def check(out: Path, force: bool, sources: Sequence[Path] = ()) -> None:
    """See before the work is done that `out` may become a report: it is new, empty, or an earlier one.

    sources: what the report is made of, which it can't replace.

    Raises:
        MediaWriteError: it is a file, is or holds a source, is something else and `force` is false, or its place can't
            be written to.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise MediaWriteError(f"{out} can't be a folder: it is a file.")
    for source in (*sources, Path.cwd()):
        if out.is_dir() and source.resolve().is_relative_to(out.resolve()):
            raise MediaWriteError(f"{out} can't be the report: it holds {source}.")
    if out.is_dir() and any(out.iterdir()) and not is_report(out) and not force:
        raise MediaWriteError(f"{out} is a folder of other things: --force replaces it and all that is in it.")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise MediaWriteError(f"{out} can't be written: no permission to write to {above}.")


@contextmanager
def whole(out: Path, force: bool, sources: Sequence[Path] = ()) -> Iterator[Path]:
    """Yields a new folder beside `out` that takes its place when the block ends without an exception.

    On any exception, a keyboard interrupt included, the new folder is removed and `out` is as it was.

    Raises:
        MediaWriteError: as `check`, or the system refused.
    """
    check(out, force, sources)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.absolute().with_name(f".{out.absolute().name}.{secrets.token_hex(4)}.tmp")
        beside.mkdir()
        try:
            yield beside
            _replace(beside, out.absolute())
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise MediaWriteError(f"{out} can't be written: {error.strerror or error}.") from error


def _replace(beside: Path, out: Path) -> None:
    if not out.exists():
        beside.rename(out)
        return
    old = beside.with_suffix(".old")
    out.rename(old)
    try:
        beside.rename(out)
    except BaseException:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
