"""What one damaged second costs: `kodek bench damage`.

A sound is encoded, and in turn a byte in the middle of each of its chunks is changed. Every such file must be refused
by a strict decoder, verified with that one second named, and decoded in part with silence there and the rest as it was.
The networks remember the silence for a while, so behind it the sound differs a little: how much and for how long is
measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from kodek.codecs.audio.file import AudioDecoder, AudioEncoder, load_codec, verify_audio
from kodek.codecs.container import ChunkKind, read_header
from kodek.codecs.errors import DamagedError
from kodek.datasets import read_audio, resample

from ..errors import EvalError
from ..models import find_model
from ..sample import Media
from ..sounds import syllables
from . import Progress, no_progress

SHORTEST = 3  # seconds
AUDIBLE = 0.01  # of the level: 40 dB below the sound
SPAN = 1.0  # seconds that may be lost


def run(
    model: str | None = None,
    *,
    sound: Path | None = None,
    seconds: float,
    stages: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """sound: a file; None: so many `seconds` of made-up sound. stages: that it is coded with, by default those
    of quality 50.

    Returns a dict for each damaged chunk in `chunks`: `span` (seconds that were replaced), `strict` (what a decoder
    says), `named` (whether verify names that span alone), `length` (whether all samples are there), `same_before`,
    `rest` (dB of the sound outside of the span over its error there; None: no error at all), `remembered` (seconds
    behind the span until the error stays 40 dB below the level); and whether all `passed`. Raises MediaError, EvalError
    or CodecError.
    """
    entry = find_model(model, Media.AUDIO)
    codec = load_codec(str(entry.path), "cpu")
    original = read_audio(sound) if sound else syllables(seconds, codec.rate)
    if original.seconds < SHORTEST:
        raise EvalError(f"A sound needs {SHORTEST} seconds, so that there is something before and after the damage.")
    encoder = AudioEncoder(
        codec, len(original.samples), original.rate, stages=min(stages or codec.stages_of(50), codec.stages)
    )
    encoder.push(resample(original, codec.rate).samples)
    data = encoder.finish(original.samples.shape[1])
    whole = np.concatenate(list(AudioDecoder(data)), axis=1)
    entries = [entry for entry in read_header(data).entries if entry.kind == ChunkKind.PAYLOAD]
    chunks = []
    for done, part in enumerate(entries):
        progress(done, len(entries), f"second {done}")
        broken = bytearray(data)
        broken[part.start + part.size // 2] ^= 0xFF
        chunks.append(_chunk(bytes(broken), whole, codec.rate))
    return {"model": entry.name, "seconds": original.seconds, "chunks": chunks, "passed": all(map(_passed, chunks))}


def _chunk(data: bytes, whole: np.ndarray, rate: int) -> dict[str, Any]:
    try:
        strict = ""
        for _ in AudioDecoder(data):
            pass
    except DamagedError as error:
        strict = str(error)
    decoder = AudioDecoder(data, partial=True)
    found = np.concatenate(list(decoder), axis=1)
    spans = decoder.damage
    span = spans[0] if len(spans) == 1 else (0.0, 0.0)
    start, end = (round(second * rate) for second in span)
    result: dict[str, Any] = {
        "span": list(span),
        "strict": strict,
        "named": len(spans) == 1 and verify_audio(data) == spans,
    }
    if found.shape != whole.shape:
        return {**result, "length": False, "same_before": False, "rest": None, "remembered": 0.0}
    wrong = found - whole
    rest = np.delete(np.arange(whole.shape[1]), slice(start, end))
    power, noise = (float(np.square(x[:, rest]).sum()) for x in (whole, wrong))
    loud = np.flatnonzero(np.abs(wrong[:, end:]).max(0) > AUDIBLE * np.sqrt(np.square(whole).mean()))
    return {
        **result,
        "length": True,
        "same_before": not wrong[:, :start].any(),
        "rest": 10 * np.log10(power / noise) if noise else None,
        "remembered": float(loud[-1] + 1) / rate if len(loud) else 0.0,
    }


def _passed(chunk: dict[str, Any]) -> bool:
    start, end = chunk["span"]
    lost = 0 < end - start <= SPAN + 1e-6
    return bool(chunk["strict"] and chunk["named"] and chunk["length"] and chunk["same_before"] and lost)


def report(result: dict[str, Any]) -> str:
    chunks = result["chunks"]
    bad = [chunk for chunk in chunks if not _passed(chunk)]
    lines = [f"{result['model']}, {result['seconds']:.1f} s, a byte changed in each of {len(chunks)} seconds in turn"]
    for chunk in bad:
        lines.append(f"WRONG: {chunk}")
    rest = [chunk["rest"] for chunk in chunks if chunk["rest"] is not None]
    if rest:
        lines.append(f"the rest: {min(rest):.1f} dB above its error at least, {np.median(rest):.1f} dB in the median")
    lines.append(f"heard behind the damage for {max(chunk['remembered'] for chunk in chunks):.2f} s at most")
    lines.append(f"{chunks[0]['strict']}")
    lines.append("WRONG" if bad else "one damaged second costs that second, and is named")
    return "\n".join(lines)
