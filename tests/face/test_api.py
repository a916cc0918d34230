"""``kodek.encode``, ``decode``, ``open`` and ``load``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import kodek

from .conftest import pixels


def test_import_is_cheap() -> None:
    code = "import sys, kodek; kodek.__version__; print({'torch', 'numpy', 'PIL', 'typer'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_numpy(channels: int, mode: str) -> None:
    samples = pixels(40, 50, channels)
    data = kodek.encode(samples)
    back = kodek.decode(data, "numpy")
    assert (back.shape, back.dtype) == (samples.shape, np.uint8)
    assert kodek.decode(data).mode == mode
    if mode.endswith("A"):
        assert np.array_equal(back[:, :, -1], samples[:, :, -1])


def test_two_dimensions_are_grey() -> None:
    grey = pixels(40, 50, 1)
    assert kodek.encode(grey[:, :, 0]) == kodek.encode(grey)


def test_sixteen_bits() -> None:
    data = kodek.encode(pixels(40, 50, 3, np.uint16))
    assert kodek.decode(data, "numpy").dtype == np.uint16
    assert kodek.decode(data).mode == "RGB"
    grey = kodek.encode(pixels(40, 50, 1, np.uint16))
    assert kodek.decode(grey).mode == "I;16"
    assert np.array_equal(np.asarray(kodek.decode(grey))[:, :, None], kodek.decode(grey, "numpy"))
    assert kodek.decode(kodek.encode(kodek.decode(grey)), "numpy").dtype == np.uint16


def test_tensor() -> None:
    samples = pixels(40, 50)
    tensor = torch.from_numpy(samples).permute(2, 0, 1).float() / 255
    data = kodek.encode(tensor)
    assert data == kodek.encode(samples)
    back = kodek.decode(data, "tensor")
    assert (back.shape, back.dtype) == ((3, 40, 50), torch.float32)
    assert torch.equal((back * 255).round().byte().permute(1, 2, 0), torch.from_numpy(kodek.decode(data, "numpy")))


def test_pillow_keeps_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "sideways"
    image = Image.fromarray(pixels(40, 50))
    image.info |= {"exif": b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"), "icc_profile": b"profile"}
    back = kodek.decode(kodek.encode(image))
    assert back.size == (40, 50)
    assert (back.getexif()[0x0112], back.getexif()[0x010E]) == (1, "sideways")
    assert back.info["icc_profile"] == b"profile"
    upright = Image.fromarray(np.rot90(pixels(40, 50), -1).copy())
    assert np.array_equal(np.asarray(back), np.asarray(kodek.decode(kodek.encode(upright))))


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "LA"])
def test_pillow_modes(mode: str) -> None:
    image = Image.fromarray(pixels(40, 50)).convert(mode)
    expected = {"P": "RGB", "1": "L"}.get(mode, mode)
    assert kodek.decode(kodek.encode(image)).mode == expected


def test_open(tmp_path: Path) -> None:
    data = kodek.encode(pixels(40, 50))
    (tmp_path / "a.kdk").write_bytes(data)
    assert np.array_equal(np.asarray(kodek.open(tmp_path / "a.kdk")), np.asarray(kodek.decode(data)))
    with pytest.raises(FileNotFoundError):
        kodek.open(tmp_path / "b.kdk")


def test_load(models: Path) -> None:
    codec = kodek.load()
    assert codec is kodek.load("tiny-fixture")
    samples = pixels(40, 50)
    assert kodek.encode(samples, model=codec) == kodek.encode(samples, model="tiny-fixture")


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ("photo.png", TypeError),
        (pixels(40, 50).astype(np.float32), TypeError),
        (pixels(40, 50, 5), ValueError),
        (np.zeros((0, 5, 3), np.uint8), ValueError),
        (torch.full((3, 40, 50), 255.0), ValueError),
        (torch.full((3, 40, 50), float("nan")), ValueError),
        (torch.zeros(3, 40, 50, dtype=torch.uint8), TypeError),
        (torch.zeros(1, 3, 40, 50), ValueError),
        (Image.new("F", (40, 50)), kodek.MediaError),
    ],
)
def test_other_things_are_refused(image: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        kodek.encode(image)  # type: ignore[arg-type]


def test_other_values_are_refused() -> None:
    with pytest.raises(ValueError, match="quality"):
        kodek.encode(pixels(40, 50), quality=101)
    data = kodek.encode(pixels(40, 50))
    with pytest.raises(ValueError, match="as_"):
        kodek.decode(data, "jpeg")  # type: ignore[call-overload]
    with pytest.raises(kodek.CodecError):
        kodek.decode(data[:-1])
    with pytest.raises(kodek.CodecError):
        kodek.decode(data, max_pixels=1000)
    with pytest.raises(AttributeError):
        kodek.nonsense  # noqa: B018
