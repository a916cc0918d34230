"""What runs have measured, as curves: every table, plot and BD-rate derives from here.

Means are over the same files for every codec and setting, so that no curve gains by a file that another codec failed
on: a setting without a value for half of the files or more is left out, then every file that any other setting lacks.
Rates are means over files of each file's rate: bits per pixel for pictures, kbit/s for audio and video.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EvalError
from .lineup import ORIGINAL
from .measures import Measure, Value, measures
from .rows import Row, key, read_rows
from .sample import Media

ROWS, TIMINGS, RUN, STREAMS = "rows.jsonl", "timings.jsonl", "run.json", "streams"
WORST = 10  # one file in so many is of the worst tenth
RATE_UNITS = {Media.IMAGE: "bpp", Media.AUDIO: "kbit/s", Media.VIDEO: "kbit/s"}


@dataclass(frozen=True)
class Point:
    """value: in the measure's unit ("%" already times 100), at a codec's setting, over n files."""

    setting: float
    rate: float
    value: float
    n: int


def rate(row: Row) -> float:
    """Bits per pixel of a picture, kbit/s of audio and video."""
    bits = 8 * row["bytes"]
    if row["media"] == Media.IMAGE:
        return bits / (row["width"] * row["height"])
    seconds = row["length"] / row["sample_rate"] if row["media"] == Media.AUDIO else row["frames"] / row["fps"]
    return bits / seconds / 1000


def scale(measure: Measure) -> float:
    """From values in rows to values as they are shown."""
    return 100.0 if measure.unit == "%" else 1.0


def pool(values: Iterable[Value]) -> float:
    """The mean of numbers, or the sum of sums over the sum of weights of pairs."""
    first = np.array([value if isinstance(value, list | tuple) else (value, 1.0) for value in values], float)
    sums, weights = first.sum(0)
    return float(sums / weights) if weights else float("nan")


@dataclass(frozen=True)
class Folder:
    """The results of one run of the evaluation."""

    path: Path
    run: Mapping[str, Any]


class Results:
    """Rows of one or several runs of the same medium.

    rows: those that have bytes; errors: those of codecs that failed; timings; folders: the runs they are from.
    """

    def __init__(
        self, rows: Sequence[Row], timings: Sequence[Row] = (), folders: Sequence[Folder] = (), source: str = "The rows"
    ) -> None:
        self.rows = [row for row in rows if "error" not in row]
        self.errors = [row for row in rows if "error" in row]
        self.timings, self.folders = list(timings), list(folders)
        if not self.rows:
            raise EvalError(f"{source} holds no results.")
        kinds = {row["media"] for row in self.rows}
        if len(kinds) > 1:
            raise EvalError(f"Results of {' and '.join(sorted(kinds))} can't be in one comparison.")
        self.media = Media(kinds.pop())
        self.rate_unit = RATE_UNITS[self.media]
        self._cache: dict[str, tuple[list[str], dict[tuple[str, float], dict[str, Row]]]] = {}

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Results:
        """From folders of `kodek eval`, or files of rows. Raises EvalError or OSError."""
        rows: dict[Any, Row] = {}
        timings: dict[Any, Row] = {}
        folders = []
        for path in paths:
            rows |= {key(row): row for row in read_rows(path / ROWS if path.is_dir() else path)}
            if path.is_dir():
                if (path / TIMINGS).exists():
                    timings |= {key(row): row for row in read_rows(path / TIMINGS)}
                folders.append(Folder(path, read_run(path)))
        return cls(list(rows.values()), list(timings.values()), folders, ", ".join(map(str, paths)))

    @cached_property
    def codecs(self) -> list[str]:
        return [name for name in dict.fromkeys(row["codec"] for row in self.rows) if name != ORIGINAL]

    @cached_property
    def measures(self) -> list[Measure]:
        """Those that some codec has values of, in the order of the registry."""
        found = {name for row in self.rows if row["codec"] != ORIGINAL for name in row["measures"]}
        return [measure for name, measure in measures(self.media).items() if name in found]

    @property
    def tasks(self) -> list[Measure]:
        """Those of `measures` that are machine perception: networks judge the originals as well."""
        judged = {name for row in self.rows if row["codec"] == ORIGINAL for name in row["measures"]}
        return [measure for measure in self.measures if measure.name in judged]

    @cached_property
    def files(self) -> list[str]:
        return list(dict.fromkeys(row["file"] for row in self.rows))

    def files_of(self, measure: str) -> list[str]:
        """The files that means of this measure are over."""
        return self._common(measure)[0]

    def curve(self, codec: str, measure: str) -> list[Point]:
        """Means over files, a point a setting, in the order of rates."""
        files, points = self._common(measure)
        factor = scale(self._measure(measure))
        curve = []
        for (name, setting), found in points.items():
            if name == codec:
                group = [found[file] for file in files]
                value = factor * pool(row["measures"][measure] for row in group)
                curve.append(Point(setting, float(np.mean([rate(row) for row in group])), value, len(group)))
        return sorted(curve, key=lambda point: point.rate)

    def per_file(self, codec: str, measure: str) -> dict[str, list[Point]]:
        """A curve a file, of the same files and settings as `curve`; pairs become their ratio."""
        files, points = self._common(measure)
        factor = scale(self._measure(measure))
        curves: dict[str, list[Point]] = {file: [] for file in files}
        for (name, setting), found in points.items():
            if name == codec:
                for file in files:
                    row = found[file]
                    curves[file].append(Point(setting, rate(row), factor * pool([row["measures"][measure]]), 1))
        return {file: sorted(curve, key=lambda point: point.rate) for file, curve in curves.items()}

    def values(self, codec: str, setting: float, measure: str) -> list[Value]:
        """Of every file of `files_of`, in its order, as rows have them; [] where the setting is left out."""
        files, points = self._common(measure)
        found = points.get((codec, setting), {})
        return [found[file]["measures"][measure] for file in files] if found else []

    def worst(self, codec: str, setting: float, measure: str) -> float:
        """As a point of `curve`, over the worst tenth of the files, rounded up; nan where the setting is left out."""
        values = self.values(codec, setting, measure)
        count, meaning = -(-len(values) // WORST), self._measure(measure)
        ordered = sorted((value for value in values if np.isfinite(pool([value]))), key=lambda value: pool([value]))
        chosen = ordered[:count] if meaning.higher else ordered[-count:]
        return scale(meaning) * pool(chosen) if chosen else float("nan")

    def level(self, measure: str) -> float | None:
        """What the originals reach, where the measure is a task."""
        files = set(self.files_of(measure))
        rows = [row for row in self.rows if row["codec"] == ORIGINAL and row["file"] in files]
        values = [row["measures"][measure] for row in rows if row["measures"].get(measure) is not None]
        return scale(self._measure(measure)) * pool(values) if values else None

    def seconds(self, codec: str, setting: float) -> tuple[float, float] | None:
        """(encode, decode), means over the files that were timed."""
        group = [row for row in self.timings if (row["codec"], row["setting"]) == (codec, setting)]
        if not group:
            return None
        encode, decode = (float(np.mean([row[f"{way}_seconds"] for row in group])) for way in ("encode", "decode"))
        return encode, decode

    def problems(self) -> list[str]:
        """A sentence for everything that was asked for and is not here."""
        said = []
        for folder in self.folders:
            said += [f"{name} is not available: {why}" for name, why in folder.run.get("unavailable", {}).items()]
            said += [f"{name} was left out: {why}" for name, why in folder.run.get("unreadable", {}).items()]
        said += [f"{row['codec']} at {row['setting']:g} failed on {row['file']}: {row['error']}" for row in self.errors]
        failures: dict[tuple[str, str], list[str]] = {}
        for row in self.rows:
            for meter, why in row.get("failed", {}).items():
                failures.setdefault((meter, why), []).append(f"{row['codec']} {row['setting']:g} {row['file']}")
        said += [
            f"{meter} has no value for {len(what)} rows ({what[0]}, ...): {why}"
            if len(what) > 1
            else f"{meter} has no value for {what[0]}: {why}"
            for (meter, why), what in failures.items()
        ]
        return said

    def _measure(self, name: str) -> Measure:
        known = measures(self.media)
        if name not in known:
            raise EvalError(f"There is no measure {name!r} of {self.media}: known are {', '.join(known)}.")
        return known[name]

    def _common(self, measure: str) -> tuple[list[str], dict[tuple[str, float], dict[str, Row]]]:
        """Files, and (codec, setting) -> file -> row, all of which have a value."""
        if measure not in self._cache:
            points: dict[tuple[str, float], dict[str, Row]] = {}
            for row in self.rows:
                if row["codec"] != ORIGINAL and row["measures"].get(measure) is not None:
                    points.setdefault((row["codec"], row["setting"]), {})[row["file"]] = row
            points = {at: found for at, found in points.items() if 2 * len(found) > len(self.files)}
            files = [file for file in self.files if all(file in found for found in points.values())] if points else []
            self._cache[measure] = files, points if files else {}
        return self._cache[measure]


def read_run(folder: Path) -> dict[str, Any]:
    """What a run says about itself; {} where there was none. Raises EvalError."""
    path = folder / RUN
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise EvalError(f"{path} is not the description of a run.") from error
