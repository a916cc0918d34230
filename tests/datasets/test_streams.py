"""Pipes, and the photographs that come with kodek."""

import io
from pathlib import Path

import pytest
from kodek.datasets import MediaError, read_picture, write_picture


def test_streams_that_cannot_seek(make_picture, tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes = b"") -> None:
            self.data, self.at = bytearray(data), 0

        def readable(self) -> bool:
            return True

        def writable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            part = self.data[self.at : self.at + min(len(buffer), 100)]  # short reads, as pipes give
            buffer[: len(part)] = part
            self.at += len(part)
            return len(part)

        def write(self, data) -> int:
            self.data += data
            return len(data)

    picture = make_picture("RGB", 16)
    for name in ("PNG", "TIFF", "PPM"):
        pipe = Pipe()
        write_picture(pipe, picture, name)
        assert (read_picture(Pipe(bytes(pipe.data))).pixels == picture.pixels).all()
        ahead = io.BytesIO(b"before" + pipe.data)
        ahead.seek(6)
        assert (read_picture(ahead).pixels == picture.pixels).all()
        assert not ahead.closed


def test_bundled_photographs_read():
    folder = Path(__file__).parents[2] / "src" / "kodek" / "media"
    pictures = {path.name: read_picture(path) for path in folder.iterdir() if path.suffix in (".png", ".jpg")}
    assert len(pictures) >= 4
    assert pictures["chelsea.png"].icc and pictures["chelsea.png"].xmp
    assert all(name in (folder / "SOURCES.md").read_text() for name in pictures)


def test_an_endless_pipe_ends():
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            buffer[:] = self.start.ljust(len(buffer), b"\0")
            self.sent += len(buffer)
            return len(buffer)

        def __init__(self, start: bytes) -> None:
            self.start, self.sent = start, 0

    with pytest.raises(MediaError, match="sends more than"):
        read_picture(io.BufferedReader(Endless(b"BM")), max_pixels=10)
    zeros = Endless(b"")
    with pytest.raises(MediaError, match="not a picture"):
        read_picture(io.BufferedReader(zeros))
    assert zeros.sent < 1 << 22
