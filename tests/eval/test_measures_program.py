"""VMAF and XPSNR by ffmpeg, and its PSNR beside ours."""

from __future__ import annotations

import re
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Video
from kodek.eval.anchors import ffmpeg
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.measures import find_meter, program
from kodek.eval.measures.base import Value
from kodek.eval.sample import Coded, Sample, Signal

from .conftest import pixels

try:
    for name in ("vmaf", "xpsnr"):
        find_meter(name).load()
except Unavailable as reason:
    pytest.skip(str(reason), allow_module_level=True)


def noisy(plane: np.ndarray, deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, plane.shape)
    return np.clip(np.round(plane + noise), 0, 255).astype(np.uint8)


def video(frames: int = 3, height: int = 64, width: int = 96) -> Video:
    moving = np.stack([pixels(height, width + frames)[:, f : f + width] for f in range(frames)])
    y, u, v = np.moveaxis(moving, -1, 0)
    return Video(y.copy(), u[:, ::2, ::2].copy(), v[:, ::2, ::2].copy(), Fraction(25))


def worse(a: Video, deviation: float) -> Video:
    return Video(noisy(a.y, deviation), noisy(a.u, deviation, 1), noisy(a.v, deviation, 2), a.rate)


def measure(name: str, a: Signal, b: Signal) -> dict[str, Value]:
    return dict(find_meter(name).load()(Sample("a", a), Coded("some", 1, b"", b)))


@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
def test_vmaf(size: tuple[int, int]) -> None:
    a = pixels(*size)
    values = [measure("vmaf", a, noisy(a, deviation)) for deviation in (0, 8, 30)]
    assert all(value.keys() == {"vmaf", "vmaf_neg"} for value in values)
    for key in ("vmaf", "vmaf_neg"):
        best, good, bad = (float(value[key]) for value in values)  # type: ignore[arg-type]
        assert best > 94 and best > good > bad >= 0
    clip = video()
    assert float(measure("vmaf", clip, clip)["vmaf"]) > 94  # type: ignore[arg-type]
    assert float(measure("vmaf", clip, worse(clip, 20))["vmaf"]) < 80  # type: ignore[arg-type]


def test_vmaf_neg_gives_nothing_for_contrast() -> None:
    a = np.clip(pixels(96, 128).astype(float) * 0.5 + 64, 0, 255).astype(np.uint8)
    sharper = np.clip((a.astype(float) - 128) * 1.2 + 128, 0, 255).astype(np.uint8)
    values = measure("vmaf", a, sharper)
    assert values["vmaf_neg"] < values["vmaf"]  # type: ignore[operator]


def test_xpsnr() -> None:
    a = pixels(64, 96)
    assert measure("xpsnr", a, a) == {"xpsnr": None}
    values = [measure("xpsnr", a, noisy(a, deviation))["xpsnr"] for deviation in (2, 8, 30)]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]


def test_xpsnr_weighs_by_the_original() -> None:
    y, x = np.mgrid[:96, :96]
    busy = np.where((x + y) % 2, 200, 56).astype(np.uint8)[None]
    flat = np.full_like(busy, 128)
    chroma = np.full((1, 48, 48), 128, np.uint8)
    a, b = (Video(luma, chroma, noisy(chroma, 3), Fraction(25)) for luma in (busy, flat))
    with tempfile.TemporaryDirectory() as folder:
        found = [
            float(
                re.findall(r"XPSNR y: +(\S+)", program._compare(*pair, "xpsnr", {"stats_file": "-"}, Path(folder)))[0]
            )
            for pair in ((a, b), (b, a))
        ]
    assert found[0] > found[1] + 6, "errors in a busy original are hidden"


def test_xpsnr_of_frames_is_pooled_as_the_filter_does(tmp_path: Path) -> None:
    a = video()
    b = worse(a, 6)
    b.y[1] = noisy(a.y[1], 25)
    output = program._compare(a, b, "xpsnr", {"stats_file": "-"}, tmp_path)
    whole = float(re.findall(r"average, 3 frames +y: +(\S+)", output)[0])
    assert program._pooled(re.findall(r"XPSNR y: +(\S+)", output), 3) == pytest.approx(whole, abs=2e-4)
    planes = [program._pooled(re.findall(rf"XPSNR {plane}: +(\S+)", output), 3) for plane in "yuv"]
    assert measure("xpsnr", a, b)["xpsnr"] == pytest.approx((6 * planes[0] + planes[1] + planes[2]) / 8)


def test_psnr_beside_that_of_ffmpeg(tmp_path: Path) -> None:
    a = video(2, 192, 208)
    b = worse(a, 7)
    output = program._compare(b, a, "psnr", {"stats_file": "-"}, tmp_path)
    planes = [np.mean([float(x) for x in re.findall(rf"psnr_{plane}:(\S+)", output)]) for plane in "yuv"]
    ours = measure("psnr", a, b)
    assert ours["psnr_y"] == pytest.approx(planes[0], abs=0.006)
    assert ours["psnr_yuv"] == pytest.approx((6 * planes[0] + planes[1] + planes[2]) / 8, abs=0.006)


def test_pictures_become_limited_range() -> None:
    picture = np.zeros((3, 5, 3), np.uint8)
    picture[:, 2:] = 255
    clip = program._clip(picture)
    assert clip.y.tolist() == [[[16, 16, 235, 235, 235]] * 3]
    assert clip.u.shape == (1, 2, 3) and {*clip.u.flat, *clip.v.flat} == {128}
    red = program._clip(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert [int(plane.flat[0]) for plane in (red.y, red.u, red.v)] == [63, 102, 240]


def test_what_can_not_be_judged() -> None:
    small = pixels(31, 200)
    with pytest.raises(EvalError, match=r"^VMAF needs pictures of 32 pixels a side or more\.$"):
        measure("vmaf", small, small)
    with pytest.raises(EvalError, match=r"^XPSNR needs pictures of 2025 pixels or more\.$"):
        measure("xpsnr", pixels(44, 46), pixels(44, 46))
    for name in ("vmaf", "xpsnr"):
        with pytest.raises(EvalError, match="different shapes"):
            measure(name, video(3), video(2))


def test_folders_with_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's [a], b;c:d"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert measure("vmaf", pixels(), pixels())["vmaf"] > 94  # type: ignore[operator]
    assert not list(folder.iterdir())


def test_without_ffmpeg_or_its_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "call", lambda arguments, data: b" ... psnr  VV->V")
    with pytest.raises(Unavailable, match="built without the filter libvmaf"):
        find_meter("vmaf").load()
    monkeypatch.undo()
    monkeypatch.setenv("KODEK_FFMPEG", "no-such-ffmpeg")
    with pytest.raises(Unavailable, match="no-such-ffmpeg"):
        find_meter("xpsnr").load()
