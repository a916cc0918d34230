"""Which files and settings are shown, and their signals: the kept streams are decoded again by their codecs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import MediaError

from ..codec import Codec
from ..data import Data
from ..errors import EvalError
from ..lineup import codec as find_codec
from ..results import STREAMS, Results
from ..rows import Row
from ..sample import Signal
from ..worker import fit, sentence

Tell = Callable[[str], None]


@dataclass
class Shelf:
    """The originals and coded files behind results. problems: what could not be had, in sentences."""

    results: Results
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._data: dict[str, Data | None] = {}
        self._codecs: dict[str, Codec | None] = {}

    def original(self, file: str) -> Signal | None:
        for folder in self.results.folders:
            data = self._open(folder.run.get("data"))
            if data is not None and file in data.names:
                try:
                    return data.sample(file).signal
                except MediaError as error:
                    self._say(f"{file} is not shown: {error}")
                    return None
        where = "is not where the run found it" if self.results.folders else "is unknown to a file of rows"
        self._say(f"{file} is not shown: the original {where}.")
        return None

    def decoded(self, row: Row, original: Signal) -> Signal | None:
        """What the codec makes of the kept file today, or None with a sentence in `problems`."""
        codec = self._find(row["codec"])
        if codec is None:
            return None
        stream = self._stream(row, codec.suffix)
        if stream is None:
            self._say(f"{row['codec']} of {row['file']} is not shown: the run kept no coded file of it.")
            return None
        try:
            data = stream.read_bytes()
            if len(data) != row["bytes"]:
                raise EvalError(f"its coded file has {len(data)} bytes, but {row['bytes']} were measured")
            return fit(codec.decode(data), original)
        except Exception as error:  # whatever a codec does to one file, the others are shown
            self._say(f"{row['codec']} at {row['setting']:g} of {row['file']} is not shown: {sentence(error)}")
            return None

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _open(self, spec: Any) -> Data | None:
        if not isinstance(spec, str):
            return None
        if spec not in self._data:
            try:
                self._data[spec] = Data(spec, self.results.media)
            except (MediaError, EvalError, OSError):
                self._data[spec] = None
        return self._data[spec]

    def _find(self, name: str) -> Codec | None:
        if name not in self._codecs:
            try:
                self._codecs[name] = find_codec(name)
            except Exception as error:
                self._say(f"{name} is not shown: {sentence(error)}")
                self._codecs[name] = None
        return self._codecs[name]

    def _stream(self, row: Row, suffix: str) -> Path | None:
        for folder in self.results.folders:
            path = folder.path / STREAMS / row["codec"] / f"{row['setting']:g}" / f"{row['file']}{suffix}"
            if path.is_file():
                return path
        return None


def spread(results: Results, count: int) -> list[str]:
    """So many files from all over the data, those that every codec has first."""
    having: dict[str, set[str]] = {}
    for row in results.rows:
        having.setdefault(row["file"], set()).add(row["codec"])
    most = max(map(len, having.values()))
    files = [file for file in results.files if len(having[file]) == most]
    count = min(count, len(files))
    return [files[(2 * number + 1) * len(files) // (2 * count)] for number in range(count)]


def targets(rows: Sequence[Row], count: int, size: Callable[[Row], float]) -> list[float]:
    """Sizes in equal proportions, over what all codecs reach of a file; over what any reaches if they have none.

    They are sizes of the codec with the fewest settings, so that the others can come near to it.
    """
    by_codec: dict[str, list[float]] = {}
    for row in rows:
        by_codec.setdefault(row["codec"], []).append(size(row))
    low, high = max(map(min, by_codec.values())), min(map(max, by_codec.values()))
    if low >= high:
        low, high = min(map(min, by_codec.values())), max(map(max, by_codec.values()))
    fewest = min(by_codec.values(), key=len)
    wanted = np.geomspace(low, high, count)
    return sorted({min(fewest, key=lambda known: abs(np.log(known / value))) for value in wanted})


def nearest(rows: Sequence[Row], sizes: Sequence[float], size: Callable[[Row], float]) -> list[Row]:
    """The settings that come nearest to the sizes, each once, in the order of settings' sizes."""
    chosen = {min(range(len(rows)), key=lambda i: abs(np.log(size(rows[i]) / wanted))) for wanted in sizes}
    return sorted((rows[i] for i in chosen), key=size)


def by_codec(results: Results, file: str) -> dict[str, list[Row]]:
    """The coded rows of a file."""
    found: dict[str, list[Row]] = {name: [] for name in results.codecs}
    for row in results.rows:
        if row["file"] == file and row["codec"] in found and row["bytes"]:
            found[row["codec"]].append(row)
    return {name: rows for name, rows in found.items() if rows}
