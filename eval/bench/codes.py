"""What entropy coding saves, and how well codebooks are used: `kodek bench codes`.

Of every stage, over all files: the bits of a code at fixed length; under a static table of order 0, counted on the
other files (each code once more than it was seen); under the context model, as it codes seconds of a file. And its
perplexity, 2 to the entropy of the codes' own frequencies, as a share of the codebook: a collapsed codebook is easily
coded, and worth nothing. Steady stages, with one code a second, are in all sums, but have too few codes to have a
perplexity. For some numbers of other stages, true payloads beside fixed lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from kodek.codecs.audio.codec import FILE_BLOCK, AudioCodec
from kodek.codecs.audio.file import load_codec
from kodek.codecs.audio.seconds import PROFILE
from kodek.datasets import MediaError

from ..data import Data
from ..models import find_model
from ..sample import Media
from . import Progress, no_progress

SAVING_BAR = 0.15  # of fixed lengths, with true payloads
PERPLEXITY_BAR = 0.6  # of the codebook, in the stages that are counted

Codes = np.ndarray  # int16 [channels, stages, frames]


def run(
    data: str, model: str | None, counts: Sequence[int], limit: int | None = None, progress: Progress = no_progress
) -> dict[str, Any]:
    """data: sounds; counts: numbers of stages that aren't steady, whose true payloads are coded; limit: only the first
    so many files.

    Returns `stages` (each with the bits of a code: `fixed`, `static`, `coded`, and the `perplexity`, 0 to 1), `steady`
    (of each of those `fixed`, `coded` and the share of codes that are `different`), `rates` (kbit/s of a channel:
    `fixed`, `true` payloads and what they save), `frames`, `left_out`, and whether all `passed`. Raises MediaError,
    EvalError or CodecError.
    """
    entry = find_model(model, Media.AUDIO)
    codec = load_codec(str(entry.path), "cpu")
    sounds, left_out = Data(data, Media.AUDIO, limit), []
    files: list[Codes] = []
    for done, name in enumerate(sounds.names):
        progress(done, len(sounds.names), name)
        try:
            files.append(analyse(codec, sounds.sample(name).signal))
        except MediaError as error:
            left_out.append(str(error))
    if not files:
        raise MediaError(f"{data} holds no sound that can be read.")
    seconds = [
        codes[..., start : start + FILE_BLOCK] for codes in files for start in range(0, codes.shape[2], FILE_BLOCK)
    ]
    frames = sum(codes.shape[0] * codes.shape[2] for codes in files)
    held = sum(len(codes) for codes in seconds)  # of a steady stage
    bits, fixed, steady = np.sum(codec.stage_bits(seconds), 0), math.log2(codec.config.codes), codec.steady
    result: dict[str, Any] = {
        "model": entry.name,
        "files": len(files),
        "left_out": left_out,
        "frames": frames,
        "steady": [
            {"fixed": fixed, "coded": float(each / held), "different": _different(seconds, stage) / held}
            for stage, each in enumerate(bits[:steady])
        ],
        "stages": [
            {"fixed": fixed, "coded": float(each / frames), **_order0(files, stage, codec.config.codes)}
            for stage, each in enumerate(bits[steady:], steady)
        ],
    }
    result["rates"] = [
        _rate(codec, seconds, frames, count, fixed * (count * frames + steady * held))
        for count in counts
        if count <= codec.stages - steady
    ]
    used = result["stages"][: max((rate["stages"] for rate in result["rates"]), default=codec.stages)]
    result["passed"] = all(rate["saved"] >= SAVING_BAR for rate in result["rates"]) and all(
        stage["perplexity"] >= PERPLEXITY_BAR for stage in used
    )
    return result


def analyse(codec: AudioCodec, sound: Any) -> Codes:
    """All codes of a sound."""
    from kodek.datasets import resample

    analyser = codec.analyser(len(sound.samples), FILE_BLOCK)
    return np.concatenate((analyser.push(resample(sound, codec.rate).samples), analyser.finish()), 2)


def _different(seconds: Sequence[Codes], stage: int) -> int:
    """How many codes a steady stage has."""
    return len(np.unique(np.concatenate([codes[:, stage, 0] for codes in seconds])))


def _order0(files: Sequence[Codes], stage: int, codes: int) -> dict[str, float]:
    """Bits of a code under the counts of the other files, and the perplexity over all of them."""
    counts = np.stack([np.bincount(file[:, stage].ravel(), minlength=codes) for file in files]).astype(float)
    total = counts.sum(0)
    others = total - counts + 1
    static = -(counts * np.log2(others / others.sum(1, keepdims=True))).sum() / total.sum()
    share = total[total > 0] / total.sum()
    return {"static": float(static), "perplexity": float(2 ** -(share * np.log2(share)).sum() / codes)}


def _rate(codec: AudioCodec, seconds: Sequence[Codes], frames: int, count: int, fixed: float) -> dict[str, float]:
    """fixed: bits of all codes at fixed length."""
    coded = codec.encode_segments([codes[:, : codec.steady + count] for codes in seconds], PROFILE)
    true, per = 8 * sum(len(segment.payload) for segment in coded), codec.rate / codec.hop / 1000 / frames
    return {"stages": count, "fixed": fixed * per, "true": true * per, "saved": 1 - true / fixed}


def report(result: dict[str, Any]) -> str:
    lines = [
        f"{result['model']} over {result['files']} files, {result['frames']} frames of a channel",
        f"{'stage':>5}{'fixed':>8}{'order 0':>9}{'coded':>8}{'saved':>8}{'perplexity':>12}",
    ]
    for number, stage in enumerate(result["stages"], 1):
        saved = 1 - stage["coded"] / stage["fixed"]
        lines.append(
            f"{number:>5}{stage['fixed']:>8.2f}{stage['static']:>9.2f}{stage['coded']:>8.2f}{saved:>8.1%}"
            f"{stage['perplexity']:>12.0%}"
        )
    if result["steady"]:
        coded = ", ".join(f"{stage['coded']:.2f} ({stage['different']:.0%} different)" for stage in result["steady"])
        lines.append(f"steady stages, a code each second: {coded} bits")
    for rate in result["rates"]:
        verdict = "" if rate["saved"] >= SAVING_BAR else f", BELOW {SAVING_BAR:.0%}"
        lines.append(
            f"{rate['stages']} stages: {rate['fixed']:.2f} kbit/s at fixed length, {rate['true']:.2f} kbit/s of "
            f"payloads: {rate['saved']:.1%} saved{verdict}"
        )
    low = [number for number, stage in enumerate(result["stages"], 1) if stage["perplexity"] < PERPLEXITY_BAR]
    lines.append(f"perplexity below {PERPLEXITY_BAR:.0%} of the codebook: {', '.join(map(str, low)) or 'no stage'}")
    return "\n".join(lines)
