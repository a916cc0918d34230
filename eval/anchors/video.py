"""Conventional video codecs inside ffmpeg, as elementary streams.

All: random access with closed groups of 64 frames, 10 bits inside (which each of them does better with), a single
thread so that the bytes do not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from kodek.datasets import Video

from .. import colour
from ..codec import Codec
from ..sample import Media
from . import ffmpeg

_KIND = "yuv420p10le"
_RATE = 4  # bytes of each part of a frame rate


@dataclass(frozen=True)
class Movie:
    """timed: whether the stream itself tells the frame rate; else 8 bytes go ahead of it. Else as `stills.Still`."""

    name: str
    encoder: str
    form: str
    least: int
    timed: bool
    settings: Sequence[float]
    options: str

    def codec(self) -> Codec:
        """Raises Unavailable."""
        found = ffmpeg.versions(self.encoder)
        about = f"ffmpeg, {self.encoder} {self.options.format('SETTING')} -g 64; random access, closed groups, 10 bits"
        return Codec(self.name, Media.VIDEO, self.settings, self.encode, self.decode, found, f".{self.form}", about)

    def encode(self, video: Video, setting: float) -> bytes:
        height, width = video.y.shape[1:]
        added = ffmpeg.padding(height, width, self.least, even=True)
        height, width = height + added[0], width + added[1]
        planes = [ffmpeg.pad(video.y, height, width)]
        planes += [ffmpeg.pad(plane, height // 2, width // 2) for plane in (video.u, video.v)]
        rate = video.rate
        options = ["-c:v", self.encoder, *self.options.format(int(setting)).split(), "-g", "64", "-f", self.form]
        stream = ffmpeg.encode_frames([plane.astype(np.uint16) << 2 for plane in planes], _KIND, str(rate), options)
        if not self.timed:
            stream = b"".join(part.to_bytes(_RATE, "big") for part in rate.as_integer_ratio()) + stream
        return ffmpeg.mark(stream, added)

    def decode(self, data: bytes) -> Video:
        stream, (rows, columns) = ffmpeg.unmark(data)
        if not self.timed:
            head, stream = stream[: 2 * _RATE], stream[2 * _RATE :]
        planes, told = ffmpeg.decode_frames(stream, self.form, _KIND)
        if self.timed:
            rate = Fraction(told.replace(":", "/"))
        else:
            rate = Fraction(int.from_bytes(head[:_RATE], "big"), int.from_bytes(head[_RATE:], "big"))
        luma, *chroma = (colour.round_to(plane / 4) for plane in planes)
        height, width = luma.shape[1] - rows, luma.shape[2] - columns
        u, v = (plane[:, : -(-height // 2), : -(-width // 2)] for plane in chroma)
        return Video(luma[:, :height, :width], u, v, rate)


_MOVIES = (
    Movie(
        "x264",
        "libx264",
        "h264",
        1,
        True,
        (18, 23, 28, 33, 38),
        "-preset slow -tune psnr -threads 1 -crf {} -x264-params scenecut=0:open-gop=0"
        " -bsf:v filter_units=remove_types=6",
    ),
    Movie(
        "x265",
        "libx265",
        "hevc",
        16,
        True,
        (18, 23, 28, 33, 38),
        "-preset slow -tune psnr"
        " -x265-params crf={}:scenecut=0:open-gop=0:info=0:log-level=error:pools=none:frame-threads=1",
    ),
    Movie(
        "svtav1",
        "libsvtav1",
        "obu",
        2,
        False,
        (22, 32, 42, 52, 60),
        "-preset 4 -crf {} -svtav1-params lp=1:tune=1:irefresh-type=2:scd=0",
    ),
    Movie(
        "vvenc",
        "libvvenc",
        "vvc",
        32,
        True,
        (22, 27, 32, 37, 42),
        "-preset faster -qp {} -qpa 0 -threads 1 -vvenc-params verbosity=0:decodingrefreshtype=idr",
    ),
)

CODECS: dict[str, Callable[[], Codec]] = {movie.name: movie.codec for movie in _MOVIES}
