"""Picture codecs inside ffmpeg code any size, the same every time, and spend bytes on quality."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from kodek.eval import colour
from kodek.eval.anchors import anchor, ffmpeg, learned, stills
from kodek.eval.codec import Codec
from kodek.eval.errors import EvalError, Unavailable

from .conftest import pixels


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one.astype(float) - other) ** 2), 1e-9)))


def available(name: str) -> Codec:
    try:
        return anchor(name)
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", [*stills.CODECS, "jpeg2000"])
def test_round_trip(name: str) -> None:
    codec = available(name)
    picture = pixels(50, 37)
    settings = (codec.settings[0], codec.settings[len(codec.settings) // 2], codec.settings[-1])
    files = [codec.encode(picture, setting) for setting in settings]
    decoded = [codec.decode(file) for file in files]
    assert all(x.shape == picture.shape and x.dtype == np.uint8 for x in decoded)
    sizes = list(map(len, files))
    qualities = [psnr(picture, x) for x in decoded]
    falls = name != "jpeg2000"
    assert sizes == sorted(sizes, reverse=falls) and len(set(sizes)) == 3
    assert qualities == sorted(qualities, reverse=falls)
    assert min(qualities) < 36 and max(qualities) > 42
    assert codec.encode(picture, settings[1]) == files[1]
    assert all(codec.versions.values()) and codec.about


@pytest.mark.parametrize("name", [*stills.CODECS, "jpeg2000"])
@pytest.mark.parametrize("size", [(1, 1), (3, 70)])
def test_odd_sizes(name: str, size: tuple[int, int]) -> None:
    codec = available(name)
    picture = pixels(*size)
    decoded = codec.decode(codec.encode(picture, codec.settings[0 if name != "jpeg2000" else -1]))
    assert decoded.shape == picture.shape and psnr(picture, decoded) > 28


def test_sizes_that_an_encoder_takes_have_no_mark() -> None:
    assert ffmpeg.padding(50, 38, 32, even=True) == (0, 0)
    assert ffmpeg.padding(1, 37, 32, even=True) == (31, 1)
    assert ffmpeg.mark(b"\0\0\1x", (0, 0)) == b"\0\0\1x"
    assert ffmpeg.unmark(ffmpeg.mark(b"\0\0\1x", (31, 1))) == (b"\0\0\1x", (31, 1))


def test_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODEK_FFMPEG", "no-such-ffmpeg")
    for name in (*stills.CODECS, "x264", "opus"):
        with pytest.raises(Unavailable, match="no-such-ffmpeg"):
            anchor(name)
    monkeypatch.delenv("KODEK_FFMPEG")
    monkeypatch.setattr(ffmpeg, "_ask", lambda program, question: " V..... other ")
    monkeypatch.setattr(ffmpeg, "find", lambda: "ffmpeg")
    with pytest.raises(Unavailable, match="built without the encoder libx265"):
        anchor("x265-intra")


def test_damaged_stream() -> None:
    codec = available("x265-intra")
    for data in (b"", b"\xff\0\0", b"nonsense" * 9):
        with pytest.raises(EvalError):
            codec.decode(data)


def test_colour() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    ycbcr = colour.rgb_to_ycbcr(rgb)
    assert np.array_equal(colour.round_to(colour.ycbcr_to_rgb(ycbcr)), rgb)
    np.testing.assert_allclose(colour.rgb_to_ycbcr(np.array([255, 0, 0])), [54.213, -29.2157, 127.5], atol=1e-3)
    assert colour.round_to(np.array([0.5, 2.5 - 1e-12, -3, 400])).tolist() == [1, 3, 0, 255]
    ramp = np.tile(np.arange(8.0), (6, 1))
    halved = colour.halve(ramp)
    assert halved.shape == (3, 4) and halved[0].tolist() == [0.5, 2.5, 4.5, 6.5]
    assert colour.double(halved)[2].tolist() == [0.5, 1, 2, 3, 4, 5, 6, 6.5]


def test_learned_without_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    if find_spec("compressai") is None:
        pytest.skip("compressai is not installed")
    monkeypatch.setattr(learned, "_hub", lambda: tmp_path)
    for name in learned.COMPRESSAI:
        with pytest.raises(Unavailable, match=f"needs its weights: put .*-1-.* into {tmp_path}"):
            anchor(name)


@pytest.mark.parametrize("name", ["bmshj2018-factorized", "mbt2018-mean"])
def test_compressai_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container alone: a network with random weights in place of the zoo's."""
    torch = pytest.importorskip("torch")
    from kodek.datasets.compat import install

    install()
    zoo = pytest.importorskip("compressai.zoo")
    torch.manual_seed(0)
    network = zoo.image_models[name](quality=1, pretrained=False).eval()
    network.update()
    monkeypatch.setattr(learned, "_network", lambda name, quality: network)
    picture = pixels(50, 70)
    data = learned._encode_compressai(name, picture, 1)
    assert learned._decode_compressai(name, data).shape == picture.shape
    assert data[:5] == bytes([1, 0, 50, 0, 70])
