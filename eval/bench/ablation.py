"""Models beside each other on the same pictures: rate at equal PSNR and decoding time, of `kodek bench ablation`.

Rates and PSNR are those of a `kodek eval` into the folder `measured`, which `kodek report` also reads. Decoding times
are of payloads to pixels in float (prior and synthesis) on one photo, all models in turn in one fresh process, so that
a busy machine disturbs all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from kodek.codecs.image.codec import ImageCodec

from ..bd import bd_rate, common_interval
from ..children import MALLOC, run_module, serve
from ..data import Data
from ..errors import EvalError
from ..models import find_model
from ..photos import bundled_photo
from ..results import Results
from ..runner import Progress, Run
from ..sample import Media
from .codec import HEIGHT, WIDTH, Contestant, race

QUALITIES = (10.0, 40.0, 70.0, 90.0)
RESULTS = "measured"


def run(
    models: Sequence[Path],
    data: str,
    out: Path,
    *,
    qualities: Sequence[float] = QUALITIES,
    repeats: int,
    jobs: int | None = None,
    threads: int | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure the models in these folders on the pictures of `data`, each against the first.

    size: (width, height) of the photo whose decoding is timed. jobs: processes that measure rates; threads: for the
    timings.

    Returns `members`, each with its `name`, `points` (setting, bpp, PSNR), `rate` (percent more than the first at equal
    PSNR, over `interval` in dB), `weights` (numbers that the prior holds) and `seconds` of decoding (minimum, median).
    Raises EvalError, MediaError or CodecError.
    """
    if len(qualities) < 2:
        raise EvalError("Rates at equal PSNR need two qualities or more.")
    entries = [find_model(str(model)) for model in models]
    settings = ":".join(f"{quality:g}" for quality in qualities)
    specs = [f"{model}@{settings}" for model in models]
    outcome = Run(Data(data, Media.IMAGE), out / RESULTS, specs, ["psnr"], jobs, 0)(progress)
    if outcome.errors or not outcome.measured:
        raise EvalError("; ".join([*(row["error"] for row in outcome.errors), *outcome.unreadable.values()]))
    results = Results.load([out / RESULTS])
    points = {entry.name: results.curve(entry.name, "psnr") for entry in entries}
    curves = {name: [(point.rate, point.value) for point in found] for name, found in points.items()}
    job = {"models": [str(entry.path) for entry in entries], "size": size, "repeats": repeats, "threads": threads}
    timed = run_module("kodek.eval.bench.ablation", job, MALLOC["tuned"])
    reference = curves[entries[0].name]
    members = []
    for (name, curve), times in zip(curves.items(), timed["members"], strict=True):
        interval = common_interval(curve, reference)
        rate = bd_rate(curve, reference, interval)
        found = [[point.setting, point.rate, point.value] for point in points[name]]
        members.append({"name": name, "points": found, "interval": interval, "rate": rate, **times})
    files = len(results.files_of("psnr"))
    return {"data": data, "files": files, "size": size, "threads": timed["threads"], "members": members}


def report(result: dict[str, Any]) -> str:
    first, *_ = members = result["members"]
    width, height = result["size"]
    low, high = max(m["interval"][0] for m in members), min(m["interval"][1] for m in members)
    settings = [f"{setting:g}" for setting, _, _ in first["points"]]
    lines = [
        f"Means over {result['files']} files of {result['data']}; bits per pixel at quality {', '.join(settings)}; "
        f"rate: at equal PSNR against {first['name']}, over {low:.1f} to {high:.1f} dB; "
        f"decode: {width} x {height}, {result['threads']} threads, ms, min (median)",
        f"{'prior':<16}" + "".join(f"{s:>9}" for s in settings) + f"{'rate %':>9}{'weights':>10}{'decode':>18}",
    ]
    for member in members:
        rates = "".join(f"{rate:>9.4f}" for _, rate, _ in member["points"])
        seconds = member["seconds"]
        time = f"{1e3 * seconds['min']:.0f} ({1e3 * seconds['median']:.0f})"
        lines.append(f"{member['name']:<16}{rates}{member['rate']:>+9.2f}{member['weights'] / 1e6:>8.2f} M{time:>18}")
    return "\n".join(lines)


def _job(models: list[str], size: tuple[int, int], repeats: int, threads: int | None) -> dict[str, Any]:
    """What the fresh process does."""
    if threads:
        torch.set_num_threads(threads)
    codecs = [ImageCodec.load(model) for model in models]
    contestants = [_contestant(codec, size) for codec in codecs]
    race(contestants, repeats, warm_up=1)
    members = [
        {"weights": sum(map(torch.numel, codec.prior.buffers())), "seconds": contestant.summary()["decode"]}
        for codec, contestant in zip(codecs, contestants, strict=True)
    ]
    return {"threads": torch.get_num_threads(), "members": members}


def _contestant(codec: ImageCodec, size: tuple[int, int]) -> Contestant:
    """Decodes what was encoded once."""
    width, height = size
    x = torch.from_numpy(bundled_photo(width, height)).permute(2, 0, 1)[None].float() / 255
    shape, position = (height, width), 128
    profile = codec.profile_for(shape)
    payloads, _ = codec.encode(x, position, profile)
    return Contestant(codec.name, lambda: payloads, partial(_decode, codec, shape, position, profile))


def _decode(codec: ImageCodec, shape: tuple[int, int], position: int, profile: int, payloads: list[bytes]) -> None:
    codec.decode(payloads, shape, position, profile)


if __name__ == "__main__":
    serve(_job)
