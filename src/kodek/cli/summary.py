"""What was done, as a line for people or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .errors import Failure


@dataclass(frozen=True)
class Done:
    """One file's work: `bytes` is the size of the .kdk file, `notes` what could not be kept, `remark` on the rest."""

    input: str
    output: str
    width: int
    height: int
    bytes: int
    seconds: float
    notes: tuple[str, ...] = ()
    remark: str = ""

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def bpp(self) -> float:
        """Bits per pixel."""
        return 8 * self.bytes / self.pixels


@dataclass(frozen=True)
class Failed:
    input: str
    failure: Failure


def as_json(done: Sequence[Done], failed: Sequence[Failed], seconds: float) -> str:
    """``{"files": [...], "failed": [...], "bytes": ..., "bpp": ..., "seconds": ...}`` in one line."""
    files = [asdict(row) | {"bpp": round(row.bpp, 4), "seconds": round(row.seconds, 3)} for row in done]
    errors = [{"input": row.input, "error": str(row.failure), "code": int(row.failure.code)} for row in failed]
    total = {"bytes": sum(row.bytes for row in done), "bpp": _bpp(done), "seconds": round(seconds, 3)}
    return json.dumps({"files": files, "failed": errors, **total})


def one_line(row: Done) -> str:
    """For a single file."""
    size = f"{row.width} x {row.height}, {row.bytes} bytes, {row.bpp:.3f} bpp"
    return f"{row.input} -> {row.output}: {size}, {row.seconds:.2f} s"


def total_line(done: Sequence[Done], failed: Sequence[Failed], seconds: float) -> str:
    """For a folder."""
    pixels = sum(row.pixels for row in done) / 1e6
    parts = [f"{len(done)} of {len(done) + len(failed)} files, {pixels:.1f} megapixels"]
    if done:
        parts.append(f"{sum(row.bytes for row in done)} bytes, {_bpp(done):.3f} bpp")
    parts.append(f"{seconds:.1f} s, {pixels / max(seconds, 1e-9):.2f} megapixels/s")
    return "; ".join(parts)


def _bpp(done: Sequence[Done]) -> float | None:
    pixels = sum(row.pixels for row in done)
    return round(8 * sum(row.bytes for row in done) / pixels, 4) if pixels else None
