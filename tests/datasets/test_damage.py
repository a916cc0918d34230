"""Bad files: one sentence that names the file, never a crash, never half a picture."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.datasets import MediaError, Picture, read_picture, write_picture
from kodek.datasets.limits import pillow_limit_lifted
from PIL import Image
from PIL.PngImagePlugin import putchunk

WRITTEN = [
    ("PNG", 8),
    ("PNG", 16),
    ("JPEG", 8),
    ("WEBP", 8),
    ("AVIF", 8),
    ("TIFF", 8),
    ("TIFF", 16),
    ("BMP", 8),
    ("PPM", 8),
    ("PPM", 16),
]


def encoded(picture: Picture, name: str) -> bytes:
    file = io.BytesIO()
    write_picture(file, picture, name)
    return file.getvalue()


def refused(data: bytes) -> bool:
    try:
        read_picture(io.BytesIO(data), max_pixels=1_000_000)
    except MediaError as error:
        assert "\n" not in str(error)
        assert str(error).endswith(".")
        return True
    return False


@pytest.mark.parametrize(("name", "depth"), WRITTEN)
def test_cut_off(make_picture, name, depth):
    data = encoded(make_picture("RGB", depth), name)
    # What may be missing in silence is the checksum of PNG's last, empty chunk, and BMP's padding.
    end = len(data) - 4
    lengths = {*range(0, end, max(1, end // 60)), *range(end - 30, end)}
    assert [length for length in sorted(lengths) if not refused(data[:length])] == []


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_off_jpeg_of_others(make_picture, progressive):
    file = io.BytesIO()
    Image.fromarray(make_picture().pixels).save(file, "JPEG", progressive=progressive)
    data = file.getvalue()
    assert all(refused(data[:length]) for length in range(len(data)))


def test_every_flipped_bit_of_deep_png_is_noticed(make_picture):
    data = encoded(make_picture("RGB", 16, width=5, height=4), "PNG")
    for position in range(8 * (len(data) - 12)):  # all but the last chunk, which is empty
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        assert refused(bytes(damaged)), position


SAMPLES = st.sampled_from([(name, depth) for name, depth in WRITTEN])


@settings(max_examples=200, deadline=None)
@given(SAMPLES, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_bytes(sample, changes):
    name, depth = sample
    pixels = np.arange(20 * 16 * 3).reshape(20, 16, 3).astype(np.uint8 if depth == 8 else np.uint16)
    data = bytearray(encoded(Picture(pixels), name))
    for position, value in changes:
        data[position % len(data)] = value
    refused(bytes(data))  # or read: what matters is that nothing but MediaError is raised


def png_header(width: int, height: int) -> bytes:
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n")
    putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    putchunk(file, b"IDAT", zlib.compress(bytes(100)))
    putchunk(file, b"IEND", b"")
    return file.getvalue()


@pytest.mark.filterwarnings("error")
def test_bombs_are_refused_by_their_header(make_picture):
    bmp = bytearray(encoded(make_picture(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    for data in (png_header(100_000, 100_000), bytes(bmp), b"P6\n99999 99999\n255\n"):
        with pytest.raises(MediaError, match="more than the limit of 200000000"):
            read_picture(io.BytesIO(data))


@pytest.mark.parametrize(("name", "depth"), WRITTEN)
def test_limit_is_exact(make_picture, name, depth):
    picture = make_picture("RGB", depth)
    data, pixels = encoded(picture, name), picture.width * picture.height
    assert read_picture(io.BytesIO(data), max_pixels=pixels).width == picture.width
    with pytest.raises(MediaError, match="37 x 23 pixels are more than the limit"):
        read_picture(io.BytesIO(data), max_pixels=pixels - 1)


@pytest.mark.filterwarnings("error")
def test_pillow_limit_does_not_matter(make_picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("PNG", "TIFF", "JPEG", "AVIF", "BMP"):
        assert read_picture(io.BytesIO(encoded(make_picture(), name))).height == 23
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(RuntimeError), pillow_limit_lifted(11):
        raise RuntimeError
    assert Image.MAX_IMAGE_PIXELS == 10


def test_several_pictures_are_refused(make_picture, tmp_path):
    first, second = (Image.fromarray(make_picture(width=w).pixels).resize((8, 8)) for w in (20, 30))
    for suffix in ("gif", "webp", "png", "avif", "tif"):
        first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
        with pytest.raises(MediaError, match=r"several pages|animation"):
            read_picture(tmp_path / f"a.{suffix}")


def test_samples_that_are_no_whole_numbers_are_refused(data, tmp_path):
    with pytest.raises(MediaError, match="floating point"):
        read_picture(data / "float32.tif")
    with pytest.raises(MediaError, match="LAB"):
        read_picture(data / "lab.tif")
    ramp = np.arange(12).reshape(3, 4)
    for kind in (np.uint32, np.int16, np.int8, np.float16):
        tifffile.imwrite(tmp_path / "a.tif", ramp.astype(kind), photometric="minisblack")
        with pytest.raises(MediaError, match=r"8 or 16|whole numbers|signed"):
            read_picture(tmp_path / "a.tif")
    inks = np.zeros((3, 4, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", extratags=[(332, "H", 1, 2)])
    with pytest.raises(MediaError, match="inks are not"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "data",
    [
        b"P6\n2 1\n1023\n" + bytes(12),
        b"P5\n2 1\n1000\n" + bytes(4),
        b"P3\n1 1\n255\n1 2 3\n",
        b"P2\n1 1\n65535\n9\n",
    ],
)
def test_pnm_that_is_scaled_or_written_out_is_refused(data):
    with pytest.raises(MediaError, match="only the binary"):
        read_picture(io.BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"hello, world, this is text",
        bytes(100),
        b"%PDF-1.7\n" + bytes(50),
        b"\x89PNG",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_no_picture(data, tmp_path):
    path = tmp_path / "it.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match="is not a picture") as error:
        read_picture(path)
    assert str(path) in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(MediaError, match="folder"):
        read_picture(tmp_path)
    with pytest.raises(MediaError, match="No such file") as error:
        read_picture(tmp_path / "none.png")
    assert isinstance(error.value.__cause__, FileNotFoundError)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    (tmp_path / "a.png").touch(mode=0)
    with pytest.raises(MediaError, match="Permission"):
        read_picture(tmp_path / "a.png")


def test_nothing_is_said_besides(data, make_picture, capfd, caplog):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for file in data.glob("*.tif"):
            for length in (60, 150, 200):
                assert refused(file.read_bytes()[:length])
    assert not seen
    assert capfd.readouterr().err == ""
