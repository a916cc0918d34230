"""The program ffmpeg: raw pictures and sound in, the bytes of a stream out, and back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..errors import EvalError, Unavailable
from ..programs import run

# a picture that an encoder can't take starts with this byte, which starts no stream, and the rows and columns added
_PADDED = 0xFF


def find() -> str:
    """The ffmpeg that KODEK_FFMPEG names, else the one inside imageio-ffmpeg. Raises Unavailable."""
    named = os.environ.get("KODEK_FFMPEG")
    if named:
        path = shutil.which(named)
        if path is None:
            raise Unavailable(f"There is no program {named}, which KODEK_FFMPEG names as the ffmpeg to run.")
        return path
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        reason = "needs ffmpeg: pip install 'kodek[eval]', or name the program in KODEK_FFMPEG"
        raise Unavailable(f"It {reason}.") from error


def versions(encoder: str) -> dict[str, str]:
    """Of the ffmpeg that has this encoder. Raises Unavailable when there is none."""
    program = find()
    if f" {encoder} " not in _ask(program, "-encoders"):
        raise Unavailable(f"The ffmpeg at {program} was built without the encoder {encoder}.")
    return {"ffmpeg": _ask(program, "-version").split()[2]}


@lru_cache
def _ask(program: str, question: str) -> str:
    return run([program, "-hide_banner", question]).decode(errors="replace")


def call(arguments: Sequence[str], data: bytes) -> bytes:
    """Run ffmpeg with `data` at pipe:0; what it writes to pipe:1. Raises EvalError."""
    return run([find(), "-hide_banner", "-loglevel", "error", *arguments], data)


def encode_frames(planes: Sequence[np.ndarray], kind: str, rate: str, options: Sequence[str]) -> bytes:
    """Code frames of 10 bits. planes: uint16 [frames, H, W], Y, Cb, Cr; kind: yuv444p10le or yuv420p10le."""
    frames, height, width = planes[0].shape
    raw = b"".join(plane[i].astype("<u2").tobytes() for i in range(frames) for plane in planes)
    source = ["-f", "rawvideo", "-pix_fmt", kind, "-s", f"{width}x{height}", "-r", rate, "-i", "pipe:0"]
    return call([*source, "-fps_mode", "passthrough", *options, "-flags", "+bitexact", "pipe:1"], raw)


def decode_frames(data: bytes, form: str, kind: str) -> tuple[list[np.ndarray], str]:
    """Planes as in `encode_frames`, and the frame rate as "30000:1001"."""
    into = ["-fps_mode", "passthrough", "-f", "yuv4mpegpipe", "-strict", "-1", "-pix_fmt", kind, "pipe:1"]
    movie = call(["-threads", "1", "-f", form, "-i", "pipe:0", *into], data)
    header, _, rest = movie.partition(b"\n")
    fields = {field[0]: field[1:] for field in header.decode("ascii").split()[1:]}
    height, width = int(fields["H"]), int(fields["W"])
    chroma = (-(-height // 2), -(-width // 2)) if "420" in kind else (height, width)
    shapes = [(height, width), chroma, chroma]
    sizes = [2 * h * w for h, w in shapes]
    start, step = len(b"FRAME\n"), len(b"FRAME\n") + sum(sizes)
    if not rest or len(rest) % step:
        raise EvalError("ffmpeg decoded no whole number of frames.")
    frames = np.frombuffer(rest, np.uint8).reshape(-1, step)
    planes = []
    for shape, size in zip(shapes, sizes, strict=True):
        planes.append(np.ascontiguousarray(frames[:, start : start + size]).view("<u2").reshape(-1, *shape))
        start += size
    return planes, fields["F"]


def padding(height: int, width: int, least: int, even: bool) -> tuple[int, int]:
    """Rows and columns that make the sides `least` or more, and even if they must be."""

    def grow(side: int) -> int:
        bigger = max(side, least)
        return bigger + (bigger % 2 if even else 0) - side

    return grow(height), grow(width)


def pad(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """[..., H, W] -> [..., height, width], the last row and column repeated."""
    *_, rows, columns = plane.shape
    edges = [(0, 0)] * (plane.ndim - 2) + [(0, height - rows), (0, width - columns)]
    return np.pad(plane, edges, mode="edge")


def mark(stream: bytes, added: tuple[int, int]) -> bytes:
    """Ahead of the stream of a padded picture what was added; a stream of one that needed nothing stays as it is."""
    return bytes([_PADDED, *added]) + stream if any(added) else stream


def unmark(data: bytes) -> tuple[bytes, tuple[int, int]]:
    return (data[3:], (data[1], data[2])) if len(data) > 3 and data[0] == _PADDED else (data, (0, 0))
