"""Bytes of .kdk files in, media in, and anything out, with "-" for the standard streams."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, cast

from .errors import Code, Failure, describe

if TYPE_CHECKING:
    from kodek.codecs.container import Bytes, Chunk, Header, Limits
    from kodek.codecs.header import Kind
    from kodek.codecs.zoo import ModelEntry

STANDARD = "-"
SUFFIX = ".kdk"
_BYTES_A_PIXEL = 16  # more than 16-bit samples, alpha and their worst expansion take
_METADATA = 64 << 20
_SPOOLED = 64 << 20  # bytes of a standard stream held in memory before they go to a file


def input_name(source: str) -> str:
    """What to call `source` in a sentence."""
    return "stdin" if source == STANDARD else source


def read_bytes(source: str, limits: Limits) -> bytes:
    """The bytes of what may be a .kdk file, up to the first sign that it isn't one.

    Raises:
        Failure: it can't be opened or read.
    """
    name = input_name(source)
    try:
        if source == STANDARD:
            return _read(sys.stdin.buffer, limits)
        if Path(source).is_dir():
            raise Failure(Code.INPUT, f"{name} is a folder.")
        with open(source, "rb") as file:
            return _read(file, limits)
    except OSError as error:
        raise Failure(Code.INPUT, f"{name} can't be opened: {error.strerror or error}.") from error


def read_stream(source: str, limits: Limits) -> tuple[bytes, Header, list[Chunk]]:
    """A .kdk file: its bytes, header and chunks, checked as far as it goes without the weights.

    Raises:
        Failure: it can't be read, is damaged, over the limits, or needs a newer kodek.
    """
    from kodek.codecs.container import read

    data = read_bytes(source, limits)
    with naming(source):
        return data, *read(data, limits)


@contextmanager
def open_stream(source: str, limits: Limits) -> Iterator[Bytes]:
    """The bytes of what may be a .kdk file; of a file on disk only those that are asked for are read.

    Raises:
        Failure: it can't be opened or read.
    """
    try:
        file = None if source == STANDARD else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise Failure(Code.INPUT, f"{source} can't be opened: {error.strerror or error}.") from error
    with file or nullcontext():
        yield FileBytes(source, file) if file and file.seekable() else read_bytes(source, limits)


@contextmanager
def open_bytes(source: str) -> Iterator[BinaryIO]:
    """A file or stdin, to be read from its start to its end.

    Raises:
        Failure: it can't be opened.
    """
    if source == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise Failure(Code.INPUT, f"{source} can't be opened: {error.strerror or error}.") from error
    with file:
        yield file


@contextmanager
def open_media(source: str) -> Iterator[tuple[Kind, str | BinaryIO]]:
    """What a file holds, by its content, else by its suffix, and what to read it from.

    Of a file nothing but the start is read. What can't be opened is left to the reader of pictures.
    """
    from kodek.datasets import START, is_sound

    path = Path(source)
    if source != STANDARD and (path.is_file() or not path.exists()):
        try:
            with path.open("rb") as file:
                start = file.read(START)
        except OSError:
            start = b""
        yield "audio" if is_sound(start, source) else "image", source
        return
    with open_bytes(source) as stream:  # a pipe gives its start once
        start = stream.read(START)
        if not is_sound(start, source):
            yield "image", cast(BinaryIO, _Resumed(start, stream, input_name(source)))
            return
        with tempfile.SpooledTemporaryFile(_SPOOLED) as spool:  # sound is read by seeking
            spool.write(start)
            shutil.copyfileobj(stream, spool)
            yield "audio", cast(BinaryIO, spool)


class _Resumed:
    """A stream whose first bytes have been looked at."""

    def __init__(self, start: bytes, rest: BinaryIO, name: str) -> None:
        self.name = name
        self._start = start
        self._rest = rest

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        start, self._start = self._start, b""
        return start or self._rest.read(size)


class FileBytes:
    """The bytes of a seekable file; threads may ask for them."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self._lock = Lock()
        self._size = file.seek(0, io.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        try:
            with self._lock:
                self._file.seek(start)
                return self._file.read(max(stop - start, 0))
        except OSError as error:
            raise Failure(Code.INPUT, f"{self._name} can't be read: {error.strerror or error}.") from error


def find_weights(source: str, header: Header) -> ModelEntry:
    """The weights that a file was made with.

    Raises:
        Failure: they are not on this machine.
    """
    from kodek.codecs import zoo

    with naming(source):
        return zoo.weights_of(header)


@contextmanager
def naming(path: str, standard: str = "stdin") -> Iterator[None]:
    """Put the file's name in front of errors that don't know it; `standard` is that of "-"."""
    try:
        yield
    except Exception as error:
        raise describe(error, standard if path == STANDARD else path) from error


@contextmanager
def output(target: str, overwrite: bool) -> Iterator[BinaryIO]:
    """The file at `target`, there whole after the block or not at all; or the standard output."""
    if target == STANDARD:
        with tempfile.SpooledTemporaryFile(_SPOOLED) as buffer:  # nothing is sent before all is there
            yield cast(BinaryIO, buffer)
            buffer.seek(0)
            try:
                shutil.copyfileobj(buffer, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            except OSError as error:
                reason = error.strerror or error
                raise Failure(Code.OUTPUT, f"The standard output can't be written: {reason}.") from error
        return
    from kodek.datasets.files import atomic_write

    with atomic_write(target, overwrite) as file:
        yield file


def check_output(target: str, overwrite: bool) -> None:
    """See before the work is done that `target` can be written.

    Raises:
        MediaWriteError: it can't.
        Failure: it is there and may not be overwritten, or is a terminal.
    """
    if target == STANDARD:
        if sys.stdout.isatty():
            raise Failure(Code.OUTPUT, "The standard output is a terminal: name a file or redirect it.")
        return
    from kodek.datasets.files import check_destination

    if not overwrite and Path(target).is_file():
        raise Failure(Code.OUTPUT, f"{target} exists already (--force overwrites it).")
    check_destination(target, overwrite)


def _read(file: BinaryIO, limits: Limits) -> bytes:
    from kodek.codecs.container import MAGIC

    start = file.read(len(MAGIC))
    if start != MAGIC:  # the container says what is wrong; a disk image need not be read for that
        return start + file.read(64)
    most = limits.max_pixels * _BYTES_A_PIXEL + _METADATA
    data = start + file.read(most)
    if len(data) >= most:
        raise Failure(Code.STREAM, f"A file of more than {most} bytes is over the limits (--max-pixels).")
    return data
