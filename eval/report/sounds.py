"""Decoded clips to listen to, with spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import Audio, write_flac

from ..results import Results, rate
from ..rows import Row
from .choose import Shelf, Tell, by_codec, nearest, spread, targets
from .spectrogram import spectrogram
from .words import leading, shown

FOLDER = "sounds"
RATES = 5
BUDGET = 40e6  # bytes, at about one a sample
SECONDS = 12.0


def sounds(
    results: Results, shelf: Shelf, out: Path, count: int, tell: Tell
) -> tuple[list[dict[str, Any]], list[float]]:
    """Write the clips of `count` files to `out`; describe them for the page's script, with the rates to choose from."""
    files = spread(results, count)
    all_rows = {file: by_codec(results, file) for file in files}
    known = [row for groups in all_rows.values() for group in groups.values() for row in group]
    rates = targets(known, RATES, rate)
    found = []
    for number, file in enumerate(files):
        original = shelf.original(file)
        if isinstance(original, Audio):
            tell(f"Sounds of {file}")
            samples = original.samples.shape[0] * min(original.samples.shape[1], SECONDS * original.rate)
            most = int(np.clip(BUDGET / (samples * len(files) * len(results.codecs)), 2, RATES))
            found.append(
                _sound(results, shelf, out, f"{number}", file, original, all_rows[file], rates[:: -(-RATES // most)])
            )
    return [sound for sound in found if sound["codecs"]], rates


def _sound(
    results: Results,
    shelf: Shelf,
    out: Path,
    stem: str,
    file: str,
    original: Audio,
    rows: dict[str, list[Row]],
    rates: list[float],
) -> dict[str, Any]:
    codecs: dict[str, list[dict[str, Any]]] = {}
    for codec, group in rows.items():
        for row in nearest(group, rates, rate):
            decoded = shelf.decoded(row, original)
            if isinstance(decoded, Audio):
                versions = codecs.setdefault(codec, [])
                name = f"{stem}-{results.codecs.index(codec)}-{len(versions)}"  # no file or codec gives a path its name
                facts = {"kbps": rate(row), "measures": shown(row, leading(results))}
                versions.append(_save(decoded, out, name) | facts)
    cut = original.seconds > SECONDS
    return {
        "name": file,
        "note": f"The first {SECONDS:g} of {original.seconds:.1f} seconds." if cut else "",
        "original": _save(original, out, f"{stem}-original"),
        "codecs": codecs,
    }


def _save(audio: Audio, out: Path, name: str) -> dict[str, Any]:
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    part = Audio(np.ascontiguousarray(audio.samples[:, : int(SECONDS * audio.rate)]), audio.rate)
    write_flac(folder / f"{name}.flac", part)
    (folder / f"{name}.png").write_bytes(spectrogram(part))
    return {"src": f"{FOLDER}/{name}.flac", "picture": f"{FOLDER}/{name}.png"}
