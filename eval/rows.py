"""Results as JSON Lines: a row per (codec, setting, file), appended as soon as it is measured.

A row holds codec, setting, file (relative to the data folder), media, the size of the signal (width, height; frames,
fps; channels, sample_rate, length), bytes (of the coded file), measures (see `measures.base.Value`; a pair is a list),
failed (meter -> why it has no value) and versions. Where the codec itself failed there is `error` instead of bytes.
Timings are rows of a file of their own: they are measured in another pass and differ from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kodek.datasets import atomic_write

from .errors import EvalError

Row = dict[str, Any]
Key = tuple[str, float, str]


def key(row: Row) -> Key:
    return row["codec"], float(row["setting"]), row["file"]


class Journal:
    """Rows in memory and in a file that an interrupted run is continued from; the last row of a key counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[Key, Row] = {}
        if path.exists():
            _drop_half_line(path)
            self.rows = {key(row): row for row in read_rows(path)}

    def add(self, row: Row) -> None:
        """Raises OSError when the file can't be written."""
        self.rows[key(row)] = row
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def finish(self, order: Iterable[Key]) -> None:
        """Write the file anew, a line a key: those of `order` first, then what earlier runs left."""
        places = {wanted: number for number, wanted in enumerate(order)}
        self.rows = dict(sorted(self.rows.items(), key=lambda item: places.get(item[0], len(places))))
        text = "".join(json.dumps(row) + "\n" for row in self.rows.values())
        with atomic_write(self.path, overwrite=True) as file:
            file.write(text.encode())


def read_rows(path: Path) -> Iterator[Row]:
    """Raises EvalError where a line is no row, OSError when the file can't be read."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                key(row)
            except (ValueError, KeyError, TypeError) as error:
                raise EvalError(f"{path}, line {number}, is not a row of results.") from error
            yield row


def _drop_half_line(path: Path) -> None:
    """A run that was killed while it wrote leaves a line without an end."""
    with path.open("rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)
