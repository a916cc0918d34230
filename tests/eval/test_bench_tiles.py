"""The bench of large pictures, on small ones with small tiles."""

from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.image.file import encode_image, load_codec
from kodek.eval.bench import tiles
from kodek.eval.errors import EvalError
from kodek.eval.photos import bundled_photo

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def codec(monkeypatch):
    """With tiles of 8 latents."""
    monkeypatch.setenv("KODEK_MODELS", str(GOLDEN))
    codec = load_codec(str(GOLDEN / "tiny" / "weights.safetensors"), "cpu")
    monkeypatch.setattr(codec, "tile", 8)
    monkeypatch.setattr(tiles, "SIDE", 128)
    monkeypatch.setattr(tiles, "REGION", 32)
    return codec


def test_seams_are_seen_where_there_are_some(codec, monkeypatch):
    pixels = bundled_photo(300, 300)
    good = tiles.seams(codec, pixels, 255)
    assert good["passed"] and abs(good["loss"]) < 0.05
    monkeypatch.setattr(codec, "halo", 0)
    assert not tiles.seams(codec, pixels, 255)["passed"]


def test_regions_are_timed(codec):
    rows = tiles.regions(encode_image(codec, bundled_photo(300, 300)))
    assert len(rows) == 2 and all(
        row["seconds"] > 0 and np.isclose(row["share"] * row["whole"], row["seconds"]) for row in rows
    )


def test_pictures_without_seams_are_refused():
    with pytest.raises(EvalError, match="too few"):
        tiles.run(size=(1024, 1024), megapixels=100, quality=50)
