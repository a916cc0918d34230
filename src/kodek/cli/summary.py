"""What was done, as a line for people or as JSON for programs."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kodek.codecs.audio.spans import Span

from .errors import Code, Failure


@dataclass(frozen=True, kw_only=True)
class Done(ABC):
    """One file's work: `bytes` is the size of the .kdk file, `notes` what could not be kept, `remark` on the rest."""

    input: str
    output: str
    bytes: int
    seconds: float
    notes: tuple[str, ...] = ()
    remark: str = ""

    unit: ClassVar[str]  # of the amount
    speed: ClassVar[str]  # of amount a second
    density: ClassVar[tuple[str, str]]  # of bits, as JSON's key and for people
    bits: ClassVar[float]  # for each unit of amount that make a density of 1

    @property
    @abstractmethod
    def amount(self) -> float:
        """Of what was coded."""

    @property
    @abstractmethod
    def shape(self) -> dict[str, Any]:
        """What JSON says of it."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The same for people."""

    @property
    def code(self) -> Code:
        """The exit code that this alone would have."""
        return Code.OK


@dataclass(frozen=True, kw_only=True)
class DonePicture(Done):
    width: int
    height: int

    unit = "megapixels"
    speed = "megapixels/s"
    density = ("bpp", "bpp")
    bits = 1e6

    @property
    def amount(self) -> float:
        return self.width * self.height / 1e6

    @property
    def shape(self) -> dict[str, Any]:
        return {"width": self.width, "height": self.height}

    @property
    def words(self) -> str:
        return f"{self.width} x {self.height}"


@dataclass(frozen=True, kw_only=True)
class DoneSound(Done):
    """`length` samples of each channel at `rate`; `damage`: the seconds that were replaced by silence."""

    channels: int
    rate: int
    length: int
    damage: Sequence[Span] = ()

    unit = "s of sound"
    speed = "x real time"
    density = ("kbps", "kbit/s")
    bits = 1e3

    @property
    def amount(self) -> float:
        return self.length / self.rate

    @property
    def shape(self) -> dict[str, Any]:
        damage = [[round(start, 3), round(end, 3)] for start, end in self.damage]
        return {"channels": self.channels, "rate": self.rate, "length": self.length, "damage": damage}

    @property
    def words(self) -> str:
        return sound_words(self.channels, self.rate, self.length)

    @property
    def code(self) -> Code:
        return Code.PARTIAL if self.damage else Code.OK


@dataclass(frozen=True)
class Failed:
    input: str
    failure: Failure


def as_json(done: Sequence[Done], failed: Sequence[Failed], seconds: float) -> str:
    """``{"files": [...], "failed": [...], "bytes": ..., "bpp": ..., "kbps": ..., "seconds": ...}`` in one line."""
    files = [
        {"input": row.input, "output": row.output, **row.shape, "bytes": row.bytes, "seconds": round(row.seconds, 3),
         "notes": row.notes, "remark": row.remark, row.density[0]: _density([row])}
        for row in done
    ]  # fmt: skip
    errors = [{"input": row.input, "error": str(row.failure), "code": int(row.failure.code)} for row in failed]
    densities = {kind.density[0]: _density(_of(kind, done)) for kind in (DonePicture, DoneSound)}
    total = {"bytes": sum(row.bytes for row in done), **densities, "seconds": round(seconds, 3)}
    return json.dumps({"files": files, "failed": errors, **total})


def one_line(row: Done) -> str:
    """For a single file."""
    return f"{row.input} -> {row.output}: {row.words}, {_size([row])}, {row.seconds:.2f} s"


def total_line(done: Sequence[Done], failed: Sequence[Failed], seconds: float) -> str:
    """For a folder."""
    groups = [rows for kind in (DonePicture, DoneSound) if (rows := _of(kind, done))]
    amounts = [f"{_amount(rows):.1f} {rows[0].unit}" for rows in groups]
    parts = [", ".join([f"{len(done)} of {len(done) + len(failed)} files", *amounts]), *map(_size, groups)]
    return "; ".join([*parts, ", ".join([f"{seconds:.1f} s", *speeds(done, seconds)])])


def speeds(done: Sequence[Done], seconds: float) -> list[str]:
    """How fast what was done went, of each kind of media."""
    groups = [rows for kind in (DonePicture, DoneSound) if (rows := _of(kind, done))]
    return [f"{_amount(rows) / max(seconds, 1e-9):.2f} {rows[0].speed}" for rows in groups]


def sound_words(channels: int, rate: int, length: int) -> str:
    """``"12.5 s of 2 channels at 44100 Hz"``."""
    return f"{length / rate:.4g} s of {channels} channel{'s' * (channels > 1)} at {rate} Hz"


def _of(kind: type[Done], done: Sequence[Done]) -> list[Done]:
    return [row for row in done if isinstance(row, kind)]


def _amount(rows: Sequence[Done]) -> float:
    return sum(row.amount for row in rows)


def _density(rows: Sequence[Done]) -> float | None:
    """Bits per pixel, or kbit per second of sound."""
    return round(8 * sum(row.bytes for row in rows) / _amount(rows) / rows[0].bits, 4) if rows else None


def _size(rows: Sequence[Done]) -> str:
    return f"{sum(row.bytes for row in rows)} bytes, {_density(rows):.3f} {rows[0].density[1]}"
