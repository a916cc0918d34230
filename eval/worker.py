"""What runs in the processes of an evaluation: one codec at one setting on one file, measured or timed.

Codecs and measures are closures over networks and can't be sent to another process: each process makes its own from
their names, and keeps them and the last original.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import Audio, MediaError, Video, atomic_write, resample

from . import programs
from .codec import Codec
from .data import Data
from .errors import EvalError
from .lineup import ORIGINAL
from .lineup import codec as make_codec
from .measures import Compute, Value, find_meter
from .rows import Row
from .sample import Coded, Media, Sample, Signal


@dataclass(frozen=True)
class Job:
    """codec: as the user named it; name: as rows do. meters: to measure with. stream: where the coded file is kept;
    kept: whether an earlier run left it there."""

    codec: str
    name: str
    setting: float
    file: str
    meters: tuple[str, ...]
    stream: Path
    kept: bool


@dataclass(frozen=True)
class Start:
    """What a process needs to know of the run."""

    spec: str
    media: Media
    limit: int | None
    device: str


_start: Start


def begin(start: Start) -> None:
    """Make a fresh process ready."""
    global _start
    _start = start
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, and the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def inspect_codec(spec: str) -> Codec:
    """The codec without the functions, which only this process has. Raises as `lineup.codec`."""
    return replace(_codec(spec), encode=_elsewhere, decode=_elsewhere)


def inspect_meter(name: str) -> None:
    """See that it can be had. Raises Unavailable."""
    _meter(name)


def measure(job: Job) -> Row:
    """A row of `rows.jsonl`. What goes wrong with the codec or a measure is in the row. Raises MediaError for a file
    that can't be read."""
    sample = _sample(job.file)
    row: Row = {"codec": job.name, "setting": job.setting, "file": job.file, "media": str(_start.media)}
    row |= shape(sample.signal)
    if job.codec == ORIGINAL:
        coded, row["bytes"], row["versions"] = sample.signal, _data().size(job.file), {}
        data = b""
    else:
        codec = _codec(job.codec)
        row["versions"] = codec.versions
        try:
            data = _stream(codec, job, sample)
            coded = fit(codec.decode(data), sample.signal)
        except Exception as error:  # whatever a codec does to one file, the others go on
            return row | {"error": sentence(error)}
        row["bytes"] = len(data)
    values: dict[str, Value] = {}
    failed: dict[str, str] = {}
    for meter in job.meters:
        try:
            values |= _meter(meter)(sample, Coded(job.name, job.setting, data, coded))
        except Exception as error:
            failed[meter] = sentence(error)
    row["measures"] = {name: _plain(value) for name, value in values.items()}
    return row | ({"failed": failed} if failed else {})


def timing(job: Job) -> Row:
    """A row of `timings.jsonl`: seconds of one encode and decode, and the peak of memory of each in bytes.

    The first call for a codec codes the file once before, so that nothing is measured that happens only once.
    """
    sample = _sample(job.file)
    codec = _codec(job.codec)
    if job.codec not in _warm:
        codec.decode(codec.encode(sample.signal, job.setting))
        _warm.add(job.codec)
    data, encode_seconds, encode_peak = _measured(lambda: codec.encode(sample.signal, job.setting))
    _, decode_seconds, decode_peak = _measured(lambda: codec.decode(data))
    return {
        "codec": job.name,
        "setting": job.setting,
        "file": job.file,
        "versions": codec.versions,
        "encode_seconds": round(encode_seconds, 6),
        "decode_seconds": round(decode_seconds, 6),
        "encode_peak": encode_peak,
        "decode_peak": decode_peak,
    }


def fit(decoded: Signal, original: Signal) -> Signal:
    """Audio at the rate and of the length of its original; a picture must have its shape, as the measures of video
    demand of theirs. Raises EvalError."""
    if isinstance(original, Audio) and isinstance(decoded, Audio):
        if decoded.samples.shape[0] != original.samples.shape[0]:
            raise EvalError(f"it gave {decoded.samples.shape[0]} channels for {original.samples.shape[0]}")
        samples = resample(decoded, original.rate).samples[:, : original.samples.shape[1]]
        missing = original.samples.shape[1] - samples.shape[1]
        return Audio(np.pad(samples, ((0, 0), (0, missing))) if missing else samples, original.rate)
    if shape(decoded) != shape(original) and not isinstance(original, Video):
        raise EvalError(f"it gave {shape(decoded)} for {shape(original)}")
    return decoded


def shape(signal: Signal) -> dict[str, Any]:
    """Its size, as rows have it."""
    if isinstance(signal, Audio):
        channels, length = signal.samples.shape
        return {"channels": channels, "sample_rate": signal.rate, "length": length}
    if isinstance(signal, Video):
        frames, height, width = signal.y.shape
        return {"width": width, "height": height, "frames": frames, "fps": float(signal.rate)}
    return {"width": signal.shape[1], "height": signal.shape[0]}


def sentence(error: Exception) -> str:
    """What a row says about an error; the type of those that nobody foresaw."""
    text = " ".join(str(error).split())
    return text if isinstance(error, EvalError | MediaError) else f"{type(error).__name__}: {text}"


_warm: set[str] = set()


def _elsewhere(*_: Any) -> Any:
    raise NotImplementedError("this codec works in the processes of an evaluation")


def _end_with_parent() -> None:
    """A parent that is killed can't end its workers, which would wait for work for good."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(1)
def _sample(file: str) -> Sample:
    return _data().sample(file)


@cache
def _data() -> Data:
    return Data(_start.spec, _start.media, _start.limit)


@cache
def _codec(spec: str) -> Codec:
    return make_codec(spec, _start.device)


@cache
def _meter(name: str) -> Compute:
    return find_meter(name).load()


def _stream(codec: Codec, job: Job, sample: Sample) -> bytes:
    """The coded file: that of an earlier run, or made now and kept."""
    if job.kept and job.stream.exists():
        return job.stream.read_bytes()
    data = codec.encode(sample.signal, job.setting)
    job.stream.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(job.stream) as file:
        file.write(data)
    return data


def _plain(value: Any) -> Any:
    """Numbers that JSON can hold; an infinite one is None."""
    if isinstance(value, tuple):
        return [float(part) for part in value]
    return float(value) if value is not None and np.isfinite(value) else None


def _measured(work: Callable[[], Any]) -> tuple[Any, float, int | None]:
    _reset_peak()
    programs.take_peak()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    own, child = _peak(), programs.take_peak()
    return result, seconds, None if own is None else max(own, child)


def _reset_peak() -> None:
    """Let the kernel forget the largest resident set of this process (Linux)."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")


def _peak() -> int | None:
    """Largest resident set since then, in bytes; None where the system can't say."""
    if not _CLEAR.exists():
        return None
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


_CLEAR = Path("/proc/self/clear_refs")
