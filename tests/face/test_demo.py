"""``kodek demo``, and the weights that ship."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs import zoo
from kodek.datasets import read_picture
from kodek.eval.measures.distance import psnr
from PIL import Image

import kodek as package
from kodek.cli import demo

from .conftest import Kodek, pixels

SHIPPED = Path(zoo.__file__).parent / "zoo"


def test_table_tells_what_the_files_are(tmp_path: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "media").mkdir()
    photo = tmp_path / "media" / "stripes.png"
    Image.fromarray(pixels(64, 96)).save(photo)
    monkeypatch.setattr(demo, "MEDIA", tmp_path / "media")
    result = kodek("demo", "--out", tmp_path / "out")
    assert (result.code, result.err.strip()) == (0, "")
    rows = [re.findall(r"[\w.]+", line) for line in result.out.decode().splitlines() if "stripes" in line]
    assert [int(row[1]) for row in rows] == list(demo.QUALITIES)
    for name, quality, size, bpp, decibel, *anchors in rows:
        coded = tmp_path / "out" / f"{name}-{quality}.kdk"
        back = read_picture(coded.with_suffix(".png")).pixels
        assert coded.stat().st_size == int(size) and float(bpp) == pytest.approx(8 * int(size) / (64 * 96), abs=1e-3)
        assert psnr(read_picture(photo).pixels, back) == pytest.approx(float(decibel), abs=0.01)
        assert len(anchors) == 4


def test_bundled_media_have_a_source_and_terms() -> None:
    sources = (demo.MEDIA / "SOURCES.md").read_text()
    photos = [path for path in demo.MEDIA.iterdir() if path.suffix in (".png", ".jpg")]
    assert len(photos) >= 3 and all(f"`{path.name}`" in sources for path in photos)


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
