"""Small models and small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TINY = Path(__file__).parents[1] / "golden" / "tiny"
TINY_SOUND = TINY.with_name("tiny-sound")
TINY_STEADY = TINY.with_name("tiny-steady")


def pixels(height: int = 80, width: int = 96, seed: int = 0) -> np.ndarray:
    """Waves and some noise, uint8 [H, W, 3]."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).normal(0, 4, (height, width, 1))
    waves = np.stack([60 * np.sin(x / 9 + c / 9) + 50 * np.cos(y / (7 + seed)) for c in range(3)], -1)
    return np.clip(127 + waves + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, a.png and in/b.png."""
    (tmp_path / "data" / "in").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "in/b.png")):
        Image.fromarray(pixels(seed=seed)).save(tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def keep_model_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_model` names the model's folder in the environment; forget it after each test."""
    monkeypatch.setenv("KODEK_MODELS", "")
