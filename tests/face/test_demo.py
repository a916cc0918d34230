"""``kodek demo``, and the weights that ship."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs import zoo
from kodek.datasets import Audio, read_audio, read_picture, write_wav
from kodek.eval.measures.audio import stft_distance
from kodek.eval.measures.distance import psnr
from PIL import Image

import kodek as package
from kodek.cli import demo

from .conftest import Kodek, Toy, pixels

SHIPPED = Path(zoo.__file__).parent / "zoo"
GOLDEN = Path(__file__).parents[1] / "golden"


def test_tables_tell_what_the_files_are(tmp_path: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "media").mkdir()
    photo, recording = tmp_path / "media" / "stripes.png", tmp_path / "media" / "chirp.wav"
    Image.fromarray(pixels(64, 96)).save(photo)
    chirp = 0.5 * np.sin(np.linspace(0, 200, 24000) ** 2 / 20, dtype=np.float32)[None]
    write_wav(recording, Audio(chirp, 16000), bits=32)
    monkeypatch.setattr(demo, "MEDIA", tmp_path / "media")
    monkeypatch.setenv("KODEK_MODELS", str(GOLDEN))
    result = kodek("demo", "--out", tmp_path / "out")
    assert (result.code, result.err.strip()) == (0, "")
    lines = result.out.decode().splitlines()
    rows = [re.findall(r"[\w.]+", line) for line in lines if "stripes" in line]
    assert [int(row[1]) for row in rows] == list(demo.QUALITIES)
    for name, quality, size, bpp, decibel, *anchors in rows:
        coded = tmp_path / "out" / f"{name}-{quality}.kdk"
        back = read_picture(coded.with_suffix(".png")).pixels
        assert coded.stat().st_size == int(size) and float(bpp) == pytest.approx(8 * int(size) / (64 * 96), abs=1e-3)
        assert psnr(read_picture(photo).pixels, back) == pytest.approx(float(decibel), abs=0.01)
        assert len(anchors) == 4
    rows = [re.findall(r"[\w.]+", line) for line in lines if "chirp" in line]
    assert [float(row[1]) for row in rows] == list(demo.TARGETS)
    for name, target, size, kilobits, distance, *anchors in rows:
        coded = tmp_path / "out" / f"{name}-{target}.kdk"
        back = read_audio(coded.with_suffix(".wav")).samples
        assert coded.stat().st_size == int(size) and float(kilobits) == pytest.approx(8e-3 * int(size) / 1.5, abs=0.01)
        assert stft_distance(chirp, back) == pytest.approx(float(distance), rel=0.05)  # of 16 bits
        assert len(anchors) == 4


def test_a_model_of_sound_is_shown_with_sound(
    tmp_path: Path, kodek: Kodek, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "media").mkdir()
    write_wav(tmp_path / "media" / "tone.wav", Audio(np.zeros((1, 8000), np.float32), 8000))
    monkeypatch.setattr(demo, "MEDIA", tmp_path / "media")
    shown = kodek("demo", "--model", "audio-toy-1").out.decode()
    assert "1 recordings with" in shown and "photographs" not in shown


def test_bundled_media_have_a_source_and_terms() -> None:
    sources = (demo.MEDIA / "SOURCES.md").read_text()
    media = [path for path in demo.MEDIA.iterdir() if path.suffix != ".md"]
    assert len(media) >= 5 and all(f"`{path.name}`" in sources for path in media)


@pytest.mark.skipif(not list(SHIPPED.glob("*/weights.safetensors")), reason="no weights are shipped yet")
def test_shipped_weights(monkeypatch: pytest.MonkeyPatch, kodek: Kodek) -> None:
    monkeypatch.setattr(zoo, "SHIPPED", SHIPPED)
    original = read_picture(demo.MEDIA / "chelsea.png").pixels[:256, :256]
    files = [package.encode(np.ascontiguousarray(original), quality) for quality in (10, 30, 50, 70, 90)]
    fidelity = [psnr(original, package.decode(data, "numpy")) for data in files]
    assert [len(data) for data in files] == sorted({len(data) for data in files})
    assert fidelity == sorted(set(fidelity)) and fidelity[0] > 28 and fidelity[-1] > 36
    entry = zoo.newest("image-hyperprior")
    assert entry.metadata["licence"] and entry.metadata["data"] and entry.card_path.is_file()
    assert entry.name.encode() in kodek("models").out
