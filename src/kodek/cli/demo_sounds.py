"""The recordings of `kodek demo`."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .streams import SUFFIX, output

if TYPE_CHECKING:
    from kodek.datasets import Audio

COLUMNS = ("target", "bytes", "kbit/s", "dist", "Opus bytes", "dist", "MP3 bytes", "dist")


@dataclass(frozen=True)
class Anchor:
    """A codec of PyAV, its container, the kbit/s to choose from, and options of both."""

    codec: str
    container: str
    kilobits: tuple[int, ...]
    options: dict[str, str]
    pages: dict[str, str]


ANCHORS = (
    Anchor("libopus", "ogg", (6, 8, 12, 16), {"vbr": "on", "compression_level": "10"}, {"page_duration": "5000000"}),
    Anchor("libmp3lame", "mp3", (8, 16, 24), {"compression_level": "0"}, {}),
)


def row(recording: Path, kilobits: float, codec: Any, folder: Path) -> list[str]:
    """Encode to a file, decode that file, and measure against the original."""
    from kodek.datasets import Audio, read_audio, write_wav
    from kodek.eval.measures.audio import stft_distance

    from .. import api_audio

    original = read_audio(recording)
    coded = folder / f"{recording.stem}-{kilobits:g}{SUFFIX}"
    with output(str(coded), overwrite=True) as file:
        file.write(api_audio.encode_audio(original.samples, original.rate, target_kbps=kilobits, model=codec))
    samples, rate = api_audio.decode_audio(coded.read_bytes())
    write_wav(coded.with_suffix(".wav"), Audio(samples, rate))
    size = coded.stat().st_size
    seconds = original.samples.shape[1] / original.rate
    cells = [f"{kilobits:g}", str(size), f"{8e-3 * size / seconds:.2f}"]
    cells.append(f"{stft_distance(original.samples, samples):.2f}")
    for anchor in ANCHORS:
        best = min((_compress(original, anchor, rate) for rate in anchor.kilobits), key=lambda x: abs(len(x) - size))
        decoded = read_audio(io.BytesIO(best), original.rate).samples[:, : original.samples.shape[1]]
        cells += [str(len(best)), f"{stft_distance(original.samples[:, : decoded.shape[1]], decoded):.2f}"]
    return [recording.stem, *cells]


def _compress(audio: Audio, anchor: Anchor, kilobits: int) -> bytes:
    """One channel in another format."""
    import av
    import numpy as np

    data = io.BytesIO()
    with av.open(data, "w", format=anchor.container, options=anchor.pages) as file:
        settings: dict[str, Any] = {"layout": "mono", "bit_rate": 1000 * kilobits}
        stream: Any = file.add_stream(anchor.codec, rate=audio.rate, options=anchor.options, **settings)
        pcm = np.clip(np.round(audio.samples * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.rate = audio.rate
        for part in (frame, None):
            file.mux(stream.encode(part))
    return data.getvalue()
