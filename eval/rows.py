"""Results as JSON Lines: one row per (codec, setting, file), appended as soon as it is measured.

A row holds codec, setting, file (relative to the data folder), width, height, bytes (of the file), psnr (dB over RGB,
null for equal pixels), encode_seconds, decode_seconds, versions, and estimate (bytes) where it was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .bd import Curve
from .errors import EvalError

Row = dict[str, Any]
Key = tuple[str, float, str, str]


def key(codec: str, setting: float, file: str, versions: dict[str, str]) -> Key:
    """What makes two rows measurements of the same thing."""
    return codec, float(setting), file, json.dumps(versions, sort_keys=True)


class Journal:
    """Rows in memory and, given a path, in a file that an interrupted run is continued from."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: dict[Key, Row] = {}
        if path is not None and path.exists():
            _drop_half_line(path)
            for row in read_rows(path):
                self.rows[key(row["codec"], row["setting"], row["file"], row["versions"])] = row

    def add(self, row: Row) -> None:
        """Raises OSError when the file can't be written."""
        self.rows[key(row["codec"], row["setting"], row["file"], row["versions"])] = row
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def read_rows(path: Path) -> Iterator[Row]:
    """Raises EvalError where a line is no row, OSError when the file can't be read."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                row["codec"], row["setting"], row["file"], row["versions"]
            except (ValueError, KeyError, TypeError) as error:
                raise EvalError(f"{path}, line {number}, is not a row of results.") from error
            yield row


def curves(rows: Iterable[Row]) -> dict[str, dict[str, Curve]]:
    """Codec -> file -> its curve (bits per pixel, PSNR), in the order of the settings; equal pixels are left out."""
    found: dict[str, dict[str, Curve]] = {}
    for row in sorted(rows, key=lambda row: (row["file"], row["setting"])):
        curve = found.setdefault(row["codec"], {}).setdefault(row["file"], [])
        if row["psnr"] is not None:
            curve.append((8 * row["bytes"] / (row["width"] * row["height"]), row["psnr"]))  # type: ignore[attr-defined]
    return found


def mean_curve(rows: Iterable[Row]) -> list[tuple[float, float, float]]:
    """(setting, mean bits per pixel, mean PSNR) of one codec, over the files, setting by setting.

    A setting at which a file is missing or came out with equal pixels is left out: means over other files are no point
    of the same curve.
    """
    by_setting: dict[float, list[Row]] = {}
    for row in rows:
        by_setting.setdefault(row["setting"], []).append(row)
    most = max((len(group) for group in by_setting.values()), default=0)
    curve = []
    for setting, group in sorted(by_setting.items()):
        if len(group) == most and all(row["psnr"] is not None for row in group):
            rates = [8 * row["bytes"] / (row["width"] * row["height"]) for row in group]
            curve.append((setting, float(np.mean(rates)), float(np.mean([row["psnr"] for row in group]))))
    return curve


def _drop_half_line(path: Path) -> None:
    """A run that was killed while it wrote leaves a line without an end."""
    with path.open("rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)
