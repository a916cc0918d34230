"""Every format, mode, depth and alpha: through our writer and reader, and against other people's."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.datasets import MediaWriteError, Picture, read_picture, write_picture
from PIL import Image

FORMATS = [
    ("PNG", "L RGB", "8 16", (False, True)),
    ("TIFF", "L RGB CMYK", "8 16", (False, True)),
    ("WEBP", "L RGB", "8", (False, True)),
    ("BMP", "L RGB", "8", (False,)),
    ("PPM", "L RGB", "8 16", (False,)),
]


CASES = [
    (name, mode, int(depth), alpha)
    for name, modes, depths, alphas in FORMATS
    for mode, depth, alpha in itertools.product(modes.split(), depths.split(), alphas)
]


def round_trip(picture: Picture, name: str, **options) -> Picture:
    file = io.BytesIO()
    assert write_picture(file, picture, name, **options) == []
    file.seek(0)
    return read_picture(file)


@pytest.mark.parametrize(("name", "mode", "depth", "alpha"), CASES)
@pytest.mark.parametrize("size", [(1, 1), (37, 23), (300, 1), (1, 70)])
def test_lossless(make_picture, name, mode, depth, alpha, size):
    picture = make_picture(mode, depth, alpha, *size)
    back = round_trip(picture, name)
    assert back.depth == depth
    assert (back.pixels == picture.pixels).all()  # WebP gives grey back as RGB: three equal channels
    assert back.mode == ("RGB" if name == "WEBP" else mode)
    assert (back.alpha is not None) == alpha
    if alpha:
        assert (back.alpha == picture.alpha).all()
    assert (back.icc, back.exif, back.xmp, back.notes) == (None, None, None, ())


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_deep_png_of_any_content(data):
    channels = data.draw(st.sampled_from([1, 3]))
    height, width = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    values = data.draw(st.binary(min_size=2 * channels * height * width, max_size=2 * channels * height * width))
    pixels = np.frombuffer(values, np.uint16).reshape(height, width, channels)
    assert (round_trip(Picture(pixels), "PNG").pixels == pixels).all()


def test_large_deep_png_crosses_blocks(make_picture):
    picture = make_picture("RGB", 16, True, 1500, 700)  # 8 MB: more than one block of rows
    back = round_trip(picture, "PNG")
    assert (back.pixels == picture.pixels).all()
    assert (back.alpha == picture.alpha).all()


def smooth(mode: str, width: int = 96, height: int = 64) -> Picture:
    y, x, c = np.ogrid[:height, :width, : {"L": 1, "RGB": 3, "CMYK": 4}[mode]]
    return Picture((127 + 100 * np.sin(x / 17 + c) * np.cos(y / 23 - c)).astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("JPEG", "L"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("AVIF", "L"), ("AVIF", "RGB"), ("WEBP", "RGB")],
)
def test_lossy(name, mode):
    picture = smooth(mode)
    default = None if name != "WEBP" else 90
    errors = []
    for quality in (default, 10):
        back = round_trip(picture, name, quality=quality)
        assert (back.mode, back.depth) == (mode, 8)
        errors.append(np.abs(back.pixels.astype(int) - picture.pixels).mean())
    assert errors[0] < 1.5 < errors[1]


def test_avif_alpha_is_lossless(make_picture):
    picture = make_picture(alpha=True)
    assert (round_trip(picture, "AVIF").alpha == picture.alpha).all()


def test_jpeg_keeps_full_colour_resolution():
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)  # one pixel wide: 4:2:0 would blend them
    assert np.abs(round_trip(Picture(stripes), "JPEG").pixels.astype(int) - stripes).max() < 30


REFUSED = [
    *[(name, "CMYK", 8, False, "CMYK") for name in ("PNG", "WEBP", "AVIF", "BMP", "PPM")],
    *[(name, "RGB", 16, False, "16 bits") for name in ("JPEG", "WEBP", "AVIF", "BMP")],
    *[(name, "RGB", 8, True, "transparency") for name in ("JPEG", "BMP", "PPM")],
]


@pytest.mark.parametrize(("name", "mode", "depth", "alpha", "why"), REFUSED)
def test_refused(make_picture, tmp_path, name, mode, depth, alpha, why):
    target = tmp_path / "out"
    with pytest.raises(MediaWriteError, match=why) as error:
        write_picture(target, make_picture(mode, depth, alpha), name)
    assert str(target) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_opaque_alpha_is_no_loss(make_picture):
    picture = make_picture()
    opaque = Picture(picture.pixels, np.full(picture.pixels.shape[:2], 255, np.uint8))
    assert (round_trip(opaque, "BMP").pixels == picture.pixels).all()


@pytest.mark.parametrize(("name", "side"), [("JPEG", 65501), ("WEBP", 16384)])
def test_too_large_for_the_format(name, side):
    with pytest.raises(MediaWriteError, match="pixels a side"):
        write_picture(io.BytesIO(), Picture(np.zeros((1, side, 1), np.uint8)), name)


def test_quality_only_where_there_is_one(make_picture):
    for name, quality in (("PNG", 50), ("JPEG", 101), ("AVIF", -1)):
        with pytest.raises(MediaWriteError, match="quality"):
            write_picture(io.BytesIO(), make_picture(), name, quality=quality)


def test_suffix_decides(make_picture, tmp_path):
    for suffix, start in (
        (".PNG", b"\x89PNG"),
        (".jpeg", b"\xff\xd8"),
        (".tif", b"II*\0"),
        (".bmp", b"BM"),
        (".ppm", b"P6"),
    ):
        write_picture(tmp_path / f"a{suffix}", make_picture())
        assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)
    write_picture(tmp_path / "a.png", make_picture(), ".bmp")
    assert (tmp_path / "a.png").read_bytes().startswith(b"BM")
    for bad in ("a.xyz", "a"):
        with pytest.raises(MediaWriteError, match="format"):
            write_picture(tmp_path / bad, make_picture())


def formula(channels: int, depth: int) -> np.ndarray:
    y, x, c = np.ogrid[:5, :7, :channels]
    samples = ((x * 7919 + y * 10473 + c * 20011 + 517) % 65536).astype(np.uint16)
    return samples if depth == 16 else (samples >> 8).astype(np.uint8)


@pytest.mark.parametrize(
    ("file", "mode", "depth", "alpha"),
    [
        ("grey16.png", "L", 16, False),
        ("greyalpha16.png", "L", 16, True),
        ("rgb16.png", "RGB", 16, False),
        ("rgb16-interlaced.png", "RGB", 16, False),
        ("rgba16.png", "RGB", 16, True),
        ("grey16-lzw-big-endian.tif", "L", 16, False),
        ("greyalpha16-zip.tif", "L", 16, True),
        ("rgb16-lzw-big-endian.tif", "RGB", 16, False),
        ("rgb16-planar-zip.tif", "RGB", 16, False),
        ("rgb16-tiled.tif", "RGB", 16, False),
        ("rgb16-bigtiff.tif", "RGB", 16, False),
        ("rgba16.tif", "RGB", 16, True),
        ("cmyk8.tif", "CMYK", 8, False),
        ("cmyka8-zip.tif", "CMYK", 8, True),
        ("cmyk16-lzw.tif", "CMYK", 16, False),
        ("lossless.avif", "RGB", 8, False),
    ],
)
def test_other_writers(data, file, mode, depth, alpha):
    picture = read_picture(data / file)
    assert (picture.mode, picture.depth) == (mode, depth)
    samples = formula(5, depth)
    colours = picture.pixels.shape[2]
    assert (picture.pixels == samples[:, :, :colours]).all()
    assert (picture.alpha is not None) == alpha
    if alpha:
        assert (picture.alpha == samples[:, :, colours]).all()


def test_ten_bit_avif_says_what_it_lost(data):
    assert read_picture(data / "ten-bit.avif").notes == ("the last bits of 10-bit samples",)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("mode", "alpha"),
    [("L", False), ("L", True), ("RGB", False), ("RGB", True), ("CMYK", False), ("CMYK", True)],
)
def test_tiff_by_tifffile(make_picture, tmp_path, mode, depth, alpha):
    picture = make_picture(mode, depth, alpha, 61, 47)
    write_picture(tmp_path / "a.tif", picture)
    samples = picture.pixels if not alpha else np.dstack([picture.pixels, picture.alpha])
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages.first
        assert page.photometric.name == {"L": "MINISBLACK", "RGB": "RGB", "CMYK": "SEPARATED"}[mode]
        assert [extra.name for extra in page.extrasamples] == (["UNASSALPHA"] if alpha else [])
        assert (page.asarray().reshape(samples.shape) == samples).all()


def test_deep_png_by_pillow(make_picture):
    for mode, alpha in (("L", False), ("RGB", False), ("RGB", True)):
        picture, file = make_picture(mode, 16, alpha), io.BytesIO()
        write_picture(file, picture, "PNG")
        image = np.asarray(Image.open(file))
        samples = picture.pixels if not alpha else np.dstack([picture.pixels, picture.alpha])
        assert (image == (samples[:, :, 0] if mode == "L" else samples >> 8)).all()


def test_deep_ppm_is_big_endian():
    file = io.BytesIO()
    write_picture(file, Picture(np.array([[[0x0102, 0x0304, 0x0506]]], np.uint16)), "PPM")
    assert file.getvalue() == b"P6\n1 1\n65535\n\1\2\3\4\5\6"
