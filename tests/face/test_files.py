"""``kodek encode`` and ``kodek decode`` of single files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Picture, read_picture, write_picture
from PIL import Image

from .conftest import Kodek, pixels

MAGIC = {
    ".png": b"\x89PNG",
    ".jpg": b"\xff\xd8\xff",
    ".webp": b"RIFF",
    ".tif": b"II*\0",
    ".bmp": b"BM",
    ".ppm": b"P6",
}


def test_quality_buys_fidelity(photo: Path, kodek: Kodek) -> None:
    original, sizes, errors = read_picture(photo).pixels.astype(float), [], []
    for quality in (0, 50, 100):
        data = kodek("encode", photo, "-", "-q", quality).out
        (photo.parent / "back.ppm").write_bytes(kodek("decode", "-", "--format", "ppm", stdin=data).out)
        back = read_picture(photo.parent / "back.ppm").pixels
        sizes.append(len(data))
        errors.append(np.square(back - original).mean())
    assert sizes == sorted(set(sizes)) and errors == sorted(set(errors), reverse=True)
    assert errors[-1] < 600  # it was trained for a minute, on other pictures


def test_default_names(photo: Path, kodek: Kodek) -> None:
    result = kodek("encode", photo)
    assert (result.code, result.err) == (0, "")
    assert b"70 x 50" in result.out and str(photo.with_suffix(".kdk").stat().st_size).encode() in result.out
    photo.unlink()
    assert kodek("decode", photo.with_suffix(".kdk")).code == 0
    assert read_picture(photo).pixels.shape == (50, 70, 3)


def test_same_command_same_bytes(photo: Path, kodek: Kodek) -> None:
    for name in ("a.kdk", "b.kdk"):
        assert kodek("encode", photo, photo.with_name(name), "--quality", 72.5).code == 0
    assert photo.with_name("a.kdk").read_bytes() == photo.with_name("b.kdk").read_bytes()


@pytest.mark.parametrize("suffix", MAGIC)
def test_suffix_is_format(coded: Path, kodek: Kodek, suffix: str) -> None:
    target = coded.with_name("back" + suffix)
    assert kodek("decode", coded, target).code == 0
    assert target.read_bytes().startswith(MAGIC[suffix])


def test_existing_file_stays(photo: Path, coded: Path, kodek: Kodek) -> None:
    before, original = coded.read_bytes(), photo.read_bytes()
    result = kodek("encode", photo, coded, "-q", 90)
    assert result.code == 6 and result.err == f"kodek: {coded} exists already (--force overwrites it).\n"
    assert kodek("decode", coded, photo).code == 6
    assert coded.read_bytes() == before and photo.read_bytes() == original
    assert kodek("encode", photo, coded, "-q", 90, "--force").code == 0
    assert coded.read_bytes() != before


def test_standard_streams_carry_nothing_else(photo: Path, coded: Path, kodek: Kodek) -> None:
    result = kodek("encode", "-", "-", stdin=photo.read_bytes())
    assert (result.code, result.err) == (0, "")
    assert result.out == coded.read_bytes()
    result = kodek("decode", "-", "--format", "ppm", stdin=coded.read_bytes())
    assert result.code == 0
    assert result.out.startswith(b"P6\n70 50\n255\n") and len(result.out) == 13 + 70 * 50 * 3


def test_json_and_output_do_not_share_stdout(photo: Path, kodek: Kodek) -> None:
    result = kodek("encode", photo, "-", "--json")
    assert (result.code, result.out) == (2, b"")


def test_json_summary(photo: Path, kodek: Kodek) -> None:
    summary = json.loads(kodek("encode", photo, "--json").out)
    (file,) = summary["files"]
    assert (file["width"], file["height"]) == (70, 50)
    assert file["bytes"] == summary["bytes"] == photo.with_suffix(".kdk").stat().st_size
    assert file["bpp"] == round(8 * file["bytes"] / 3500, 4)
    assert summary["failed"] == []


@pytest.mark.parametrize(
    "picture",
    [
        Picture(pixels(33, 41, 1)),
        Picture(pixels(33, 41, 3, np.uint16), pixels(33, 41, 1, np.uint16)[:, :, 0]),
        Picture(pixels(33, 41, 3), pixels(33, 41, 1)[:, :, 0]),
        Picture(pixels(33, 41, 4)),
        Picture(pixels(1, 1, 3)),
    ],
    ids=["grey", "rgba 16 bits", "rgba", "cmyk", "1 x 1"],
)
def test_modes(tmp_path: Path, kodek: Kodek, picture: Picture) -> None:
    write_picture(tmp_path / "in.tif", picture)
    assert kodek("encode", tmp_path / "in.tif").code == 0
    assert kodek("decode", tmp_path / "in.kdk", tmp_path / "out.tif").code == 0
    back = read_picture(tmp_path / "out.tif")
    assert (back.pixels.shape, back.pixels.dtype) == (picture.pixels.shape, picture.pixels.dtype)
    if picture.alpha is not None:
        assert back.alpha is not None and np.array_equal(back.alpha, picture.alpha)


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_metadata_is_kept_unless_stripped(tmp_path: Path, kodek: Kodek, command: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.fromarray(pixels(32, 32)).save(tmp_path / "in.png", exif=exif, icc_profile=b"profile")
    strip = {"encode": [], "decode": [], command: ["--strip"]}
    kept = []
    for name, options in (("kept", {"encode": [], "decode": []}), ("stripped", strip)):
        kdk, back = tmp_path / f"{name}.kdk", tmp_path / f"{name}.png"
        assert kodek("encode", tmp_path / "in.png", kdk, *options["encode"]).code == 0
        assert kodek("decode", kdk, back, *options["decode"]).code == 0
        kept.append(read_picture(back))
    assert b"a description" in (kept[0].exif or b"") and kept[1].exif is None
    assert kept[0].icc == kept[1].icc == b"profile"


def test_what_a_format_can_not_keep_is_said(tmp_path: Path, kodek: Kodek) -> None:
    Image.fromarray(pixels(32, 32)).save(tmp_path / "in.png", icc_profile=b"profile")
    assert kodek("encode", tmp_path / "in.png").code == 0
    result = kodek("decode", tmp_path / "in.kdk", tmp_path / "out.bmp")
    assert result.code == 0
    assert result.err == f"kodek: {tmp_path / 'in.kdk'}: not kept: the colour profile.\n"


def test_a_format_that_can_not_hold_it(tmp_path: Path, kodek: Kodek) -> None:
    write_picture(tmp_path / "in.png", Picture(pixels(32, 32), pixels(32, 32, 1)[:, :, 0]))
    assert kodek("encode", tmp_path / "in.png").code == 0
    result = kodek("decode", tmp_path / "in.kdk", tmp_path / "out.jpg")
    assert result.code == 6 and "transparency" in result.err and str(tmp_path / "out.jpg") in result.err
    assert not (tmp_path / "out.jpg").exists()


def test_encode_does_not_write_pictures(photo: Path, kodek: Kodek) -> None:
    result = kodek("encode", photo, photo.with_name("small.jpg"))
    assert result.code == 2 and not photo.with_name("small.jpg").exists()


@pytest.mark.parametrize("size", [5, 1000, -1])
def test_damaged_weights(photo: Path, models: Path, kodek: Kodek, size: int) -> None:
    weights = photo.with_name("weights.safetensors")
    weights.write_bytes((models / "tiny" / weights.name).read_bytes()[:size])
    result = kodek("encode", photo, "--model", weights)
    assert result.code == 5 and result.err.count("\n") == 1
    assert not photo.with_suffix(".kdk").exists()


def test_model_by_path(photo: Path, coded: Path, models: Path, kodek: Kodek) -> None:
    target = photo.with_name("by-path.kdk")
    assert kodek("encode", photo, target, "--model", models / "tiny").code == 0
    assert target.read_bytes() == coded.read_bytes()
