"""Sound as a stream: `kodek bench stream`.

- The same sound goes in whole, in pieces of 20 ms and in pieces of random lengths: file and live stream must have the
  same bytes, and the live stream must decode to the same samples in whatever pieces its bytes come.
- The delay of a live stream: sound goes in by the millisecond, and the time is noted when each sample comes out, at the
  codec's own rate and with a resampler on either side.
- What framing a live stream costs: bytes that are not payload, and its rate beside that of a file with the same stages.
- Memory and speed of the command line on a long sound, in fresh processes.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from kodek.codecs.audio.codec import AudioCodec
from kodek.codecs.audio.file import AudioEncoder, load_codec
from kodek.codecs.audio.live import LiveDecoder, LiveEncoder
from kodek.codecs.audio.packets import START_MOST, Packet, PacketReader, read_start, write_packet
from kodek.datasets import Audio, read_audio, write_wav
from kodek.datasets.resample import Resampler

from ..models import find_model
from ..sample import Media
from ..sounds import hours, pieces, syllables
from . import Progress, memory, no_progress

RATES = (24_000, 44_100)  # Hz: the codec's own, and one that is resampled
LATENCY_BAR = 0.08  # seconds
FRAMING_BAR = 4  # bytes a packet
SPEED_BAR = 5  # x real time, encode and decode one after the other
LONGEST = 2047  # bytes of a packet

Cut = Callable[[int], Iterable[int]]  # a rate -> lengths of pieces
Pieces = Iterator[np.ndarray]


def run(
    model: str | None = None,
    *,
    sound: Path | None = None,
    seconds: float,
    long: float,
    stages: int | None = None,
    quality: float,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """sound: a file that is cut into pieces, at its own rate; None: `seconds` of made-up stereo at each of `RATES`.

    stages: of what is cut and delayed, by default those of quality 50. long: seconds of sound for memory and speed,
    coded at `quality` by processes with so many `threads`; 0 leaves that out. Returns `pieces`, `latency`, `framing`,
    `memory`, and whether all that `passed`, but for the speed, which is this machine's. Raises MediaError, EvalError or
    CodecError.
    """
    entry = find_model(model, Media.AUDIO)
    codec = load_codec(str(entry.path), "cpu")
    stages = min(stages or codec.stages_of(50), codec.stages)
    sounds = [read_audio(sound)] if sound else [syllables(seconds, rate, 2) for rate in RATES]
    progress(0, 3, "pieces")
    result: dict[str, Any] = {"model": entry.name, "stages": stages, "quality": quality, "threads": threads}
    result["pieces"] = [whole_and_streamed(codec, each, stages) for each in sounds]
    progress(1, 3, "latency")
    result["latency"] = {str(rate): latency(codec, rate, stages) for rate in (codec.rate, 48_000)}
    result["framing"] = framing(codec, sounds[0], stages)
    if long:
        progress(2, 3, "memory")
        with tempfile.TemporaryDirectory() as folder:
            original = Path(folder, "sound.wav")
            write_wav(original, hours(long, memory.SOUND_RATE))
            used = memory.measure(original, entry, quality, threads)
        result["memory"] = {"media": str(Media.AUDIO), "model": entry.name, "seconds": long, **used}
    result["passed"] = _passed(result)
    return result


def whole_and_streamed(codec: AudioCodec, sound: Audio, stages: int) -> dict[str, Any]:
    """Which ways of cutting give other bytes or samples than the whole sound does."""
    cuts: dict[str, Cut] = {"20 ms": lambda rate: itertools.repeat(rate // 50), "random": _random}
    whole = [sound.samples.shape[1]]
    file, live = (_coded(codec, sound, way, whole, stages) for way in ("file", "live"))
    played = _played([live])
    differ = []
    for name, cut in cuts.items():
        sizes = list(itertools.islice(cut(sound.rate), 10 * whole[0] // sound.rate * 50 + 1000))
        differ += [f"file, {name}"] if _coded(codec, sound, "file", sizes, stages) != file else []
        differ += [f"live, {name}"] if _coded(codec, sound, "live", sizes, stages) != live else []
        parts = (live[start : start + size] for start, size in _byte_pieces(len(live), name))
        differ += [f"live decoding, {name}"] if not np.array_equal(_played(parts), played) else []
    if played.shape[1] < sound.samples.shape[1]:
        differ.append(f"live decoding gives {played.shape[1]} of {sound.samples.shape[1]} samples")
    return {"rate": sound.rate, "channels": len(sound.samples), "seconds": sound.seconds, "differ": differ}


def latency(codec: AudioCodec, rate: int, stages: int, seconds: float = 2.0) -> float:
    """Seconds from a sample's going in to its coming out, the longest of all."""
    sound = syllables(seconds, rate)
    encoder, decoder = LiveEncoder(codec, 1, rate, stages), LiveDecoder()
    pushed = 0

    def microphone() -> Pieces:
        nonlocal pushed
        for piece in pieces(sound, itertools.repeat(rate // 1000)):
            pushed += piece.shape[1]
            yield piece

    def network() -> Pieces:
        for piece in _resampled(microphone(), rate, codec.rate, prompt=True):
            samples = decoder.push(encoder.push(piece))
            if samples.size:
                yield samples

    longest = played = 0
    for samples in _resampled(network(), codec.rate, rate, prompt=True):
        if pushed == sound.samples.shape[1]:  # the resamplers give what they held back
            break
        if samples.size:
            longest = max(longest, pushed - played)
            played += samples.shape[1]
    return longest / rate


def framing(codec: AudioCodec, sound: Audio, stages: int) -> dict[str, float]:
    """packet: bytes of one that are not payload; ends: of the start and the end of a stream; live, file: kbit/s of all
    channels."""
    whole = [sound.samples.shape[1]]
    file, live = (_coded(codec, sound, way, whole, stages) for way in ("file", "live"))
    header, start = read_start(live[:START_MOST])
    packets = [p for p in PacketReader(header.seed, LONGEST).push(live[start:]) if isinstance(p, Packet)]
    each = len(write_packet(packets[0], header.seed)) - len(packets[0].payload)
    ends = len(live) - sum(each + len(packet.payload) for packet in packets)
    rates = {name: 8 * len(data) / sound.seconds / 1000 for name, data in (("live", live), ("file", file))}
    return {"packet": each, "ends": ends, **rates}


def report(result: dict[str, Any]) -> str:
    lines = [f"{result['model']} with {result['stages']} stages"]
    for each in result["pieces"]:
        verdict = f"DIFFERENT: {', '.join(each['differ'])}" if each["differ"] else "the same bytes and samples"
        what = f"{each['seconds']:.1f} s, {each['channels']} channels of {each['rate']} Hz"
        lines.append(f"{what} whole, in pieces of 20 ms and of random lengths: {verdict}")
    for rate, delay in result["latency"].items():
        verdict = "within" if delay <= LATENCY_BAR else "ABOVE"
        lines.append(f"live delay at {rate} Hz: {1000 * delay:.0f} ms ({verdict} {1000 * LATENCY_BAR:.0f} ms)")
    framing = result["framing"]
    lines.append(
        f"live framing: {framing['packet']} bytes a packet (bar: {FRAMING_BAR}), {framing['ends']} for start and end; "
        f"{framing['live']:.2f} kbit/s live, {framing['file']:.2f} kbit/s as a file"
    )
    if "memory" in result:
        long = result["memory"]
        speed = long["seconds"] / (long["encode"]["seconds"] + long["decode"]["seconds"])
        lines += [memory.report(long), f"encode and decode: {speed:.1f} x real time (bar: {SPEED_BAR})"]
    return "\n".join(lines)


def _passed(result: dict[str, Any]) -> bool:
    used = result.get("memory", {})
    peaks = [used[name]["peak"] for name in ("encode", "decode") if name in used]
    return (
        not any(each["differ"] for each in result["pieces"])
        and max(result["latency"].values()) <= LATENCY_BAR
        and result["framing"]["packet"] <= FRAMING_BAR
        and max(peaks, default=0) < memory.BARS[Media.AUDIO]
    )


def _coded(codec: AudioCodec, sound: Audio, way: str, sizes: Iterable[int], stages: int) -> bytes:
    channels, length = sound.samples.shape
    cut = _resampled(pieces(sound, sizes), sound.rate, codec.rate, prompt=way == "live")
    if way == "live":
        live = LiveEncoder(codec, channels, sound.rate, stages)
        return b"".join([*(live.push(piece) for piece in cut), live.finish(length)])
    encoder = AudioEncoder(codec, channels, sound.rate, stages=stages)
    for piece in cut:
        encoder.push(piece)
    return encoder.finish(length)


def _played(parts: Iterable[bytes]) -> np.ndarray:
    """[channels, n] at the rate of the original."""
    decoder = LiveDecoder()
    played = [samples for part in parts if (samples := decoder.push(part)).size]
    played.append(decoder.finish())
    assert decoder.header is not None and decoder.rate is not None
    return np.concatenate(list(_resampled(played, decoder.rate, decoder.header.rate, prompt=True)), axis=1)


def _resampled(sound: Iterable[np.ndarray], rate: int, target: int, prompt: bool) -> Pieces:
    resampler = Resampler(rate, target, prompt)
    for piece in sound:
        yield resampler.push(piece)
    yield resampler.finish()


def _random(rate: int) -> Iterator[int]:
    """From a sample to a fifth of a second."""
    random = np.random.default_rng(5)
    while True:
        yield int(random.integers(1, rate // 5))


def _byte_pieces(length: int, name: str) -> Iterator[tuple[int, int]]:
    """Start and size: of 64 bytes each, or random."""
    random, start = np.random.default_rng(6), 0
    while start < length:
        size = int(random.integers(1, 400)) if name == "random" else 64
        yield start, size
        start += size
