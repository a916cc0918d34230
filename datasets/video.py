"""Video in memory, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .errors import MediaError
from .files import atomic_write
from .limits import DEFAULT_MAX_PIXELS, check_size

DEFAULT_MAX_VIDEO_PIXELS = 1 << 30  # of all frames: 1.5 GiB, 20 s of 1920 x 1080 at 25 frames per second

# Playlists among FFmpeg's formats open further files and addresses, so no others than these.
_FORMATS = "asf,avi,flv,matroska,mov,mpeg,mpegts,mpegvideo,ogg,yuv4mpegpipe"
_RGB, _UNSPECIFIED = 0, 2  # FFmpeg's AVColorSpace, beside those that PyAV names


@dataclass(frozen=True, eq=False)
class Video:
    """8-bit YUV 4:2:0 frames, BT.709, limited range.

    y: uint8 [frames, H, W]; u, v: uint8 [frames, ceil(H / 2), ceil(W / 2)]; rate: frames per second.

    Raises ValueError when the shapes or dtypes are not these.
    """

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    rate: Fraction

    def __post_init__(self) -> None:
        frames, height, width = self.y.shape
        chroma = (frames, -(-height // 2), -(-width // 2))
        if {plane.dtype for plane in (self.y, self.u, self.v)} != {np.dtype(np.uint8)} or not frames:
            raise ValueError("Video is one frame or more of uint8 samples.")
        if self.u.shape != chroma or self.v.shape != chroma:
            raise ValueError(f"Chroma of {self.y.shape} is {chroma}, not {self.u.shape} and {self.v.shape}.")

    @property
    def seconds(self) -> float:
        return float(len(self.y) / self.rate)


def read_video(path: str | Path, max_frames: int | None = None, max_pixels: int = DEFAULT_MAX_VIDEO_PIXELS) -> Video:
    """Read a video (MP4, MKV, WebM, AVI, MPEG, Y4M...), or its first `max_frames` frames, into memory.

    See `iter_frames` for what becomes of the frames. max_pixels: of all frames together, 1.5 bytes each; a longer
    video is refused, before it is decoded where the file tells how many frames it has.

    Raises:
        MediaError: as `iter_frames`, or it has more than `max_pixels`.
    """
    frames, held = [], 0
    for frame in iter_frames(path, max_frames, max_pixels):
        frames.append(frame)
        held += frame.y.size
        if held > max_pixels:
            raise _too_large(path, max_pixels)
    y, u, v = (np.concatenate([getattr(frame, plane) for frame in frames]) for plane in "yuv")
    return Video(y, u, v, frames[0].rate)


def iter_frames(path: str | Path, max_frames: int | None = None, max_pixels: int | None = None) -> Iterator[Video]:
    """The frames of a video in the order of display, one by one, in flat memory: each a `Video` of one frame.

    8-bit 4:2:0 frames of limited range are taken as they are, bit for bit, when they are marked as BT.709 or not at
    all. Others are converted by FFmpeg (bicubic, rounded). Frames are turned upright where the file says how. `rate`
    is the average that the file declares: a variable frame rate becomes constant, no frame is dropped or repeated. A
    file that is cut off gives the frames that are whole.

    Args:
        path: of the file.
        max_frames: stop after so many.
        max_pixels: refuse a file that declares more in all the frames that would be read.

    Raises:
        MediaError: when the trouble is reached: the file can't be opened, is damaged, holds no video or one whose
            frames change their size or are larger than 200 megapixels, or PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MediaError("Video needs PyAV: pip install av.") from error
    try:
        with open(path, "rb") as file, av.open(file, options={"format_whitelist": _FORMATS}) as container:
            yield from _frames(container, path, max_frames, max_pixels)
    except MediaError:
        raise
    except Exception as error:  # FFmpeg and its wrapper raise nearly everything on hostile bytes
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"{path} can't be read as video: {' '.join(reason.split())[:120].rstrip('.')}.") from error


def write_y4m(path: str | Path, video: Video) -> None:
    """Write uncompressed video that FFmpeg and the encoders read. Raises MediaWriteError."""
    _, height, width = video.y.shape
    rate = f"{video.rate.numerator}:{video.rate.denominator}"
    with atomic_write(path) as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{rate} Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n".encode())
        for planes in zip(video.y, video.u, video.v, strict=True):
            file.write(b"FRAME\n")
            for plane in planes:
                file.write(np.ascontiguousarray(plane).data)


def _frames(container: Any, path: str | Path, max_frames: int | None, max_pixels: int | None) -> Iterator[Video]:
    if not container.streams.video:
        raise MediaError(f"{path} holds no video.")
    stream = container.streams.video[0]
    check_size(stream.width, stream.height, str(path), DEFAULT_MAX_PIXELS)
    declared = stream.frames if max_frames is None else min(stream.frames, max_frames)
    if max_pixels is not None and max(declared, 1) * stream.width * stream.height > max_pixels:
        raise _too_large(path, max_pixels)
    rate = stream.average_rate or stream.guessed_rate
    if not rate or rate < 0:
        raise MediaError(f"{path} can't be read as video: it has no frame rate.")
    stream.codec_context.options = {"max_pixels": str(DEFAULT_MAX_PIXELS)}  # a frame may be larger than declared
    size = None
    for number, frame in enumerate(container.decode(stream)):
        if number == max_frames:
            break
        if frame.is_corrupt:
            raise MediaError(f"{path} is damaged at frame {number}.")
        if (frame.width, frame.height) != (size := size or (frame.width, frame.height)):
            raise MediaError(f"{path} can't be read as video: its frames change their size.")
        turns = round(frame.rotation / 90)
        y, u, v = (np.ascontiguousarray(np.rot90(plane, turns))[None] for plane in _planes(frame))
        yield Video(y, u, v, Fraction(rate))
    if size is None:
        raise MediaError(f"{path} holds no video.")


def _planes(frame: Any) -> list[np.ndarray]:
    """Y, U and V of an av.VideoFrame as `Video` wants them."""
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    other_colours = frame.colorspace not in (_RGB, Colorspace.ITU709, _UNSPECIFIED)
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG or other_colours:
        exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INP
        frame = frame.reformat(
            format="yuv420p",
            src_colorspace=frame.colorspace if other_colours else Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=frame.color_range,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | exact,
        )
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].copy())
    return planes


def _too_large(path: str | Path, limit: int) -> MediaError:
    return MediaError(f"{path} can't be read: its frames have more than {limit} pixels together.")
