"""Opening files of sound with FFmpeg, and what they say of themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from .errors import MediaError
from .libraries import library
from .read import is_picture, source_name

_SUFFIXES = "aac aif aiff au caf flac m4a mka mp3 oga ogg opus wav wv"
AUDIO_SUFFIXES = frozenset("." + name for name in _SUFFIXES.split())
_STARTS = (b"fLaC", b"OggS", b"ID3", b".snd", b"caff", b"wvpk", b"\xff\xfb", b"\xff\xf1", b"\xff\xf9")

# Playlists among FFmpeg's formats open further files and addresses, so no others than these.
_FORMATS = "aac,aiff,au,caf,flac,matroska,mov,mp3,ogg,wav,wv"
_FORMAT_NAMES = "WAV, FLAC, MP3, Ogg, M4A, AAC, AIFF, AU, CAF, Matroska and WavPack"
# What containers and encoders note for themselves.
_NAMES = (
    "compatible_brands creation_time duration encoder handler_name itunnorm itunsmpb major_brand minor_version tlen"
)
_TECHNICAL = frozenset(_NAMES.split())


@dataclass(frozen=True)
class AudioInfo:
    """What a file of sound says of itself.

    seconds: None where it doesn't tell. tags: FFmpeg's common names in lower case ("title", "artist", "album", "date",
    "track", "genre", "comment"...) and whatever else is text. notes: what `tags` leaves out, in words.
    """

    seconds: float | None
    tags: dict[str, str]
    notes: tuple[str, ...]


def audio_info(source: str | Path | BinaryIO) -> AudioInfo:
    """Read the tags of a file of sound, and how long it says that it is; nothing is decoded.

    source: a path, or a seekable binary stream, read from its start and not closed.

    Raises:
        MediaError: the file can't be opened or is not sound, or PyAV is not installed.
    """
    with sound_stream(source) as (container, stream):
        tags: dict[str, str] = {}
        for found in (container.metadata, stream.metadata):  # Ogg's lie in the stream
            for name, value in found.items():
                if name.lower() not in _TECHNICAL and (name.lower(), value) != ("language", "und") and value.strip():
                    tags[name.lower()] = value
        seconds = declared_seconds(stream)
        if seconds is None and container.duration:
            seconds = Fraction(container.duration, library("av").time_base)
        pictures = len(container.streams.video) > 0  # FFmpeg makes a stream of a cover
        return AudioInfo(None if seconds is None else float(seconds), tags, ("pictures",) if pictures else ())


def is_sound(start: bytes, name: str = "") -> bool:
    """Whether a file is taken for sound: by its first `START` bytes, or by its name unless they are a picture's."""
    known = (
        start.startswith(_STARTS)
        or (start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE")
        or (start[:4] == b"FORM" and start[8:11] == b"AIF")
        or start[4:11] == b"ftypM4A"
    )
    return known or (Path(name).suffix.lower() in AUDIO_SUFFIXES and not is_picture(start))


def declared_seconds(stream: Any) -> Fraction | None:
    """How long a stream of PyAV says that it is."""
    return None if stream.duration is None else stream.duration * stream.time_base


@contextlib.contextmanager
def sound_stream(source: str | Path | BinaryIO) -> Iterator[tuple[Any, Any]]:
    """PyAV's container and its (first or best) stream of sound.

    Raises:
        MediaError: the file can't be opened, holds no sound, or anything goes wrong within the block.
    """
    name = source_name(source)
    with _opened(source, name) as file:
        av = library("av")
        try:
            container = av.open(file, "r", options={"format_whitelist": _FORMATS}, metadata_errors="replace")
        except av.error.FFmpegError as error:
            raise MediaError(f"{name} is not sound in a format that can be read: {_FORMAT_NAMES}.") from error
        try:
            with container:
                stream = container.streams.best("audio")
                if stream is None:
                    raise MediaError(f"{name} holds no sound.")
                yield container, stream
        except MediaError:
            raise
        except Exception as error:  # FFmpeg and its wrapper raise nearly everything on hostile bytes
            reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
            raise MediaError(f"{name} can't be read, it is damaged or not supported ({reason}).") from error


@contextlib.contextmanager
def _opened(source: str | Path | BinaryIO, name: str) -> Iterator[BinaryIO]:
    """A seekable file; FFmpeg gets no names, which could be addresses of a network."""
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, str | Path):
                if Path(source).is_dir():
                    raise MediaError(f"{name} is a folder, not a sound.")
                source = stack.enter_context(open(source, "rb"))
            if not source.seekable():
                raise MediaError(f"{name} can't be read: sound is not read from a pipe.")
            source.seek(0)
        except OSError as error:
            raise MediaError(f"{name} can't be opened: {error.strerror or error}.") from error
        yield source
