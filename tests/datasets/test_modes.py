"""How each kind of pixel arrives: bits, palettes, transparency, inks, planes."""

import io
import struct

import numpy as np
import pytest
import tifffile
from kodek.datasets import Picture, read_picture, write_picture
from PIL import Image, ImageCms
from PIL.PngImagePlugin import putchunk


def test_white_is_zero(tmp_path):
    for samples in (
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.arange(0, 65535, 999, np.uint16).reshape(6, 11),
    ):
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite")
        assert (read_picture(tmp_path / "a.tif").pixels[:, :, 0] == ~samples).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_alpha_is_divided_out(tmp_path, dtype):
    full = np.iinfo(dtype).max
    half = full // 2 + 1
    stored = np.array([[[half, half // 2, 0, half], [0, 0, 0, 0], [7, 8, 9, full]]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha.tolist() == [[half, 0, full]]
    assert np.abs(picture.pixels[0].astype(int) - [[full, full // 2, 0], [0, 0, 0], [7, 8, 9]]).max() <= 1


def test_cmyk_polarity_of_another_writer(data):
    inks = read_picture(data / "cmyk-inks.jpg").pixels[8, 8::16].astype(int)
    full = np.vstack([np.zeros(4), 255 * np.eye(4)])
    assert np.abs(inks - full).max() <= 2


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_polarity_of_ours(name):
    full = np.vstack([np.zeros(4), 255 * np.eye(4)]).astype(np.uint8)
    file = io.BytesIO()
    write_picture(file, Picture(full.repeat(16, 0)[None].repeat(16, 0)), name)
    image = Image.open(file)
    assert image.mode == "CMYK"
    seen = np.asarray(image.convert("RGB"))[8, 8::16].astype(int)  # no ink is white, black ink is black
    assert np.abs(seen - [[255] * 3, [0, 255, 255], [255, 0, 255], [255, 255, 0], [0] * 3]).max() <= 4


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits(tmp_path, bits):
    levels = np.arange(1 << bits, dtype=np.uint8)[None] * (255 // ((1 << bits) - 1))
    image = Image.fromarray(levels)
    if bits == 1:
        image.convert("1").save(tmp_path / "a.png", transparency=1)
    else:
        image.save(tmp_path / "a.png", bits=bits, transparency=(1 << bits) - 1)
    picture = read_picture(tmp_path / "a.png")
    assert picture.mode == "L"
    assert (picture.pixels[:, :, 0] == levels).all()
    assert picture.alpha.tolist() == [[255] * ((1 << bits) - 1) + [0]]  # white is transparent


def test_transparent_colours(tmp_path):
    grey = np.array([[0, 7, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png", transparency=7)
    assert read_picture(tmp_path / "grey.png").alpha.tolist() == [[255, 0, 255]]
    rgb = np.array([[[1, 2, 3], [1, 2, 4], [9, 9, 9]]], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "rgb.png", transparency=(1, 2, 4))
    picture = read_picture(tmp_path / "rgb.png")
    assert picture.alpha.tolist() == [[255, 0, 255]]
    assert (picture.pixels == rgb).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_transparent_colours_of_16_bits(make_picture, mode):
    picture, file, keyed = make_picture(mode, 16), io.BytesIO(), io.BytesIO()
    write_picture(file, picture, "PNG")
    chosen = picture.pixels[3, 5]
    end = file.getvalue().index(b"IDAT") - 4
    keyed.write(file.getvalue()[:end])
    putchunk(keyed, b"tRNS", struct.pack(f">{len(chosen)}H", *chosen.tolist()))
    keyed.write(file.getvalue()[end:])
    keyed.seek(0)
    back = read_picture(keyed)
    assert (back.pixels == picture.pixels).all()
    assert (back.alpha == np.where((picture.pixels == chosen).all(2), 0, 65535)).all()
    assert back.alpha.min() == 0


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
def test_palette(tmp_path, suffix):
    image = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 200, 0, 0, 0, 100])
    colours = [[255, 0, 0], [0, 200, 0], [0, 0, 100], [0, 200, 0]]
    image.save(tmp_path / f"a.{suffix}")
    picture = read_picture(tmp_path / f"a.{suffix}")
    assert picture.mode == "RGB"
    assert picture.alpha is None
    assert picture.pixels[0].tolist() == colours
    if suffix in ("png", "gif"):
        image.save(tmp_path / f"a.{suffix}", transparency=1)
        picture = read_picture(tmp_path / f"a.{suffix}")
        assert picture.alpha.tolist() == [[255, 0, 255, 0]]
        assert picture.pixels[0, [0, 2]].tolist() == [colours[0], colours[2]]


def test_palette_with_degrees_of_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 200, 0, 0, 0, 100])
    image.save(tmp_path / "a.png", transparency=bytes([10, 255, 128]))
    assert read_picture(tmp_path / "a.png").alpha.tolist() == [[10, 255, 128]]


def test_ycbcr_becomes_rgb(tmp_path):
    y, x, c = np.ogrid[:64, :96, :3]
    pixels = (127 + 100 * np.sin(x / 17 + c) * np.cos(y / 23 - c)).astype(np.uint8)
    image = Image.fromarray(pixels)
    image.convert("YCbCr").save(tmp_path / "a.tif")
    image.save(tmp_path / "b.tif", compression="jpeg", quality=95)
    for name in ("a.tif", "b.tif"):
        back = read_picture(tmp_path / name)
        assert back.mode == "RGB"
        assert np.abs(back.pixels.astype(int) - pixels).mean() < 3


def test_colour_management_is_carried_not_applied(make_picture):
    picture, file = make_picture(), io.BytesIO()
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_picture(file, Picture(picture.pixels, icc=icc), "PNG")
    file.seek(0)
    back = read_picture(file)
    assert (back.pixels == picture.pixels).all()
    assert back.icc == icc


def test_a_picture_says_what_it_is(make_picture):
    picture = make_picture("CMYK", 16, True, 5, 3)
    assert (picture.mode, picture.depth, picture.width, picture.height) == ("CMYK", 16, 5, 3)
    for pixels, alpha in (
        (np.zeros((2, 2), np.uint8), None),
        (np.zeros((2, 2, 2), np.uint8), None),
        (np.zeros((0, 2, 3), np.uint8), None),
        (np.zeros((2, 2, 3), np.float32), None),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint16)),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3), np.uint8)),
    ):
        with pytest.raises(ValueError):
            Picture(pixels, alpha)


def test_channels_that_are_left_out_are_named(tmp_path, make_picture):
    samples = make_picture("CMYK").pixels
    for extra, notes in (
        ("unspecified", ("channels that are neither colour nor alpha",)),
        ("unassalpha", ()),
    ):
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[extra])
        picture = read_picture(tmp_path / "a.tif")
        assert picture.notes == notes
        assert (picture.pixels == samples[:, :, :3]).all()
        assert (picture.alpha is None) == bool(notes)
