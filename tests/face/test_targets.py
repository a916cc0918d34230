"""Files of a size, a rate or a PSNR: ``kodek encode --target-...`` and the same in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.container import Limits
from kodek.codecs.errors import TargetError
from kodek.codecs.image.target import Target
from kodek.datasets import Picture, write_picture
from PIL import Image

import kodek as package
from kodek import api

from .conftest import Kodek, pixels

TARGETS = ("--target-size", "--target-bpp", "--target-psnr")


@pytest.fixture(scope="session")
def large() -> np.ndarray:
    """192 x 160 pixels: enough for steps of quality below 2 % of the file."""
    return pixels(160, 192)


@pytest.fixture
def large_file(large: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "large.png"
    Image.fromarray(large).save(path)
    return path


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(np.iinfo(a.dtype).max ** 2 / np.mean((a.astype(float) - b) ** 2))


@pytest.fixture
def sizes(large: np.ndarray) -> tuple[int, int]:
    """Bytes of the smallest and of the largest file of `large`."""
    return len(package.encode(large, 0)), len(package.encode(large, 100))


@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_size_is_met(large: np.ndarray, large_file: Path, sizes: tuple[int, int], kodek: Kodek, share: float) -> None:
    target = round(sizes[0] ** (1 - share) * sizes[1] ** share)
    result = kodek("encode", large_file, "--target-size", target)
    assert (result.code, result.err) == (0, "")
    data = large_file.with_suffix(".kdk").read_bytes()
    assert 0.98 * target <= len(data) <= target
    assert data == package.encode(large, target_size=target)
    assert package.decode(data, "numpy").shape == large.shape


def test_rate_counts_the_whole_file(large: np.ndarray, kodek: Kodek, tmp_path: Path) -> None:
    write_picture(tmp_path / "in.png", Picture(large, pixels(160, 192, 1)[:, :, 0], bytes(400)))
    bpp = 8 * len(kodek("encode", tmp_path / "in.png", "-").out) / (160 * 192)
    result = kodek("encode", tmp_path / "in.png", "-", "--target-bpp", bpp)
    assert result.code == 0 and 0.98 * bpp <= 8 * len(result.out) / (160 * 192) <= bpp


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_psnr_is_reached(dtype: type, kodek: Kodek, tmp_path: Path) -> None:
    samples = pixels(64, 80, 3, dtype)
    lowest, highest = (psnr(samples, package.decode(package.encode(samples, q), "numpy")) for q in (0, 100))
    target = (lowest + highest) / 2
    write_picture(tmp_path / "in.png", Picture(samples))
    result = kodek("encode", tmp_path / "in.png", "-", "--target-psnr", target)
    assert (result.code, result.err) == (0, "")
    assert target <= psnr(samples, package.decode(result.out, "numpy")) < target + 0.5
    assert result.out == package.encode(samples, target_psnr=target)


@pytest.mark.parametrize("channels", [1, 4])
def test_psnr_of_grey_and_cmyk(channels: int) -> None:
    samples, codec = pixels(64, 80, channels), api.load()
    middle = api.encode_picture(Picture(samples), 50, codec)
    goal = psnr(samples, api.decode_picture(middle, Limits()).pixels) - 0.01
    found = api.encode_to_target(Picture(samples), Target(psnr=goal), codec)
    assert found.value == pytest.approx(psnr(samples, api.decode_picture(found.data, Limits()).pixels))
    assert found.value >= goal and len(found.data) <= 1.05 * len(middle)


def test_folder(tmp_path: Path, sizes: tuple[int, int], kodek: Kodek) -> None:
    (tmp_path / "in").mkdir()
    for number in (0, 1, 2):
        Image.fromarray(np.roll(pixels(160, 192), 30 * number, 0)).save(tmp_path / "in" / f"{number}.png")
    Image.fromarray(pixels(1, 1)).save(tmp_path / "in" / "tiny.png")
    target = sizes[0] + (sizes[1] - sizes[0]) // 3
    result = kodek("encode", tmp_path / "in", tmp_path / "out", "--target-size", target)
    written = {path.stem: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert result.code == 0 and all(0.98 * target <= written[str(number)] <= target for number in (0, 1, 2))
    assert result.err == f"kodek: {tmp_path / 'in' / 'tiny.png'}: the best quality takes no more than " + (
        f"{written['tiny']} bytes.\n"
    )


@pytest.mark.parametrize("options", [("--target-size", 20), ("--target-bpp", 1e-6), ("--target-psnr", 90)])
def test_a_target_that_no_quality_meets(large_file: Path, kodek: Kodek, options: tuple[str, float]) -> None:
    result = kodek("encode", large_file, *options)
    assert result.code == 8 and result.err.startswith("kodek: ") and result.err.count("\n") == 1
    assert "can't be met: files have " in result.err and str(large_file) in result.err and not result.out
    assert not large_file.with_suffix(".kdk").exists()


@pytest.mark.parametrize(
    ("options", "quality", "remark"),
    [
        (("--target-size", "3MB"), 100, "the best quality takes no more than"),
        (("--target-bpp", 500), 100, "the best quality takes no more than"),
        (("--target-psnr", 3), 0, "the smallest file has"),
    ],
)
def test_a_target_that_every_quality_meets(
    large: np.ndarray, large_file: Path, kodek: Kodek, options: tuple[str, object], quality: int, remark: str
) -> None:
    result = kodek("encode", large_file, "--json", *options)
    assert result.code == 0 and result.err.startswith(f"kodek: {large_file}: {remark}") and result.err.count("\n") == 1
    assert json.loads(result.out)["files"][0]["remark"].startswith(remark)
    assert large_file.with_suffix(".kdk").read_bytes() == package.encode(large, quality)


@pytest.mark.parametrize(
    "options",
    [
        ("--target-size", "5KB", "--quality", "50"),
        ("--target-size", "5KB", "--target-bpp", "1"),
        ("--target-psnr", "35", "-q", "0"),
        *((name, value) for name in TARGETS for value in ("0", "-1", "much", "nan", "")),
        ("--target-size", "5TB"),
        ("--target-size", "50 Kibble"),
        ("--target-size", "9" * 400),
        ("--target-bpp", "inf"),
    ],
)
def test_wrong_options(photo: Path, kodek: Kodek, options: tuple[str, ...]) -> None:
    result = kodek("encode", photo, *options)
    assert result.code == 2 and result.err.count("\n") == 1 and not result.out
    assert not photo.with_suffix(".kdk").exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50KB", 50_000),
        ("50kb", 50_000),
        ("50k", 50_000),
        ("50KiB", 51_200),
        ("50 kib", 51_200),
        ("50000", 50_000),
        ("50000B", 50_000),
        ("1.5MB", 1_500_000),
        ("1MiB", 1_048_576),
        ("2g", 2_000_000_000),
    ],
)
def test_sizes(text: str, size: int) -> None:
    from kodek.cli.options import parse_size

    assert parse_size(text) == size


def test_python_refuses() -> None:
    samples = pixels(40, 50)
    for wrong in ({"target_size": 0}, {"target_bpp": float("nan")}, {"target_size": 500, "target_psnr": 30}):
        with pytest.raises(ValueError, match="target"):
            package.encode(samples, **wrong)
    with pytest.raises(ValueError, match="not both"):
        package.encode(samples, 50, target_size=500)
    with pytest.raises(TargetError):
        package.encode(samples, target_size=10)


def test_few_encodes(large: np.ndarray, sizes: tuple[int, int], models: Path) -> None:
    found = api.encode_to_target(Picture(large), Target(size=sum(sizes) // 2), api.load())
    assert found.encodes <= 6  # of an untypical picture by an untypical model


def test_wrong_targets_come_at_once() -> None:
    code = "from kodek.codecs.image.target import Target; import sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_bench(large_file: Path, sizes: tuple[int, int], kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    (large_file.parent / "broken.png").write_bytes(b"no picture")
    inside = sum(sizes) // 2
    targets = f"{inside},9MB,1dB,0.001bpp"
    command = ("bench", "target", "--data", large_file.parent, "--repeats", 1, "--targets", targets)
    result = kodek(*command, "--json")
    document = json.loads(result.out)
    assert result.code == 3 and result.err.startswith("kodek: ") and "broken.png" in result.err
    assert document["passed"] and document["beyond"] == {
        str(inside): [],
        "9MB": [str(large_file)],
        "1dB": [str(large_file)],
        "0.001bpp": [str(large_file)],
    }
    (row,) = document["files"]
    assert 0.98 <= row["share"] == row["bytes"] / inside <= 1 and row["encodes"] >= 1 and row["one"] > 0
    (large_file.parent / "broken.png").unlink()
    result = kodek(*command)
    assert result.code == 0 and not result.err
    assert f"{inside}: 1 of 1 files met".encode() in result.out and b"0 of 0 files met, 1 more" in result.out
    monkeypatch.setattr("kodek.eval.bench.target.SIZE_SHARE", 1.01)
    assert kodek(*command).code == 7


@pytest.mark.parametrize("targets", ["", "50XB", "0dB", "nanbpp", "5KB,bpp"])
def test_bench_takes_targets_only(kodek: Kodek, large_file: Path, targets: str) -> None:
    result = kodek("bench", "target", "--data", large_file, "--targets", targets)
    assert result.code == 2 and result.err.count("\n") == 1 and not result.out
