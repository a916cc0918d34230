"""A tiny recipe and generated pictures: seconds of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

TINY = {
    "codec": "image-hyperprior",
    "steps": 8,
    "phases": [{"until": 0.75, "crop": 64, "batch": 2}, {"until": 1.0, "crop": 128, "batch": 1}],
    "learning_rate": 0.001,
    "warmup": 3,
    "compile": False,
    "device": "cpu",
    "validations": 0,
    "log_every": 4,
    "held_out": ["lake"],
    "task": {
        "lambdas": [0.001, 0.15],
        "positions": [0, 255],
        "model": {
            "width": 16,
            "latents": 16,
            "hyper": 8,
            "context": 16,
            "analysis_blocks": 1,
            "synthesis_blocks": 1,
        },
    },
}


def photo(seed: int, height: int = 160, width: int = 192) -> np.ndarray:
    """Something like a photo: noise whose spectrum falls with the frequency; uint8 [H, W, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    slope = 1 / np.maximum(np.hypot(y, x), 1 / width) ** 1.5
    planes = [np.fft.ifft2(np.fft.fft2(random.normal(size=(height, width))) * slope).real for _ in range(3)]
    grey = sum(planes)
    colours = np.stack([grey + 0.2 * plane for plane in planes], -1)
    colours = (colours - colours.mean()) / colours.std() * 50 + 128
    return np.clip(colours, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two lakes, three streets and three trees."""
    folder = tmp_path_factory.mktemp("photos")
    for group, count in (("lake", 2), ("street", 3), ("tree", 3)):
        for number in range(count):
            Image.fromarray(photo(len(list(folder.iterdir())))).save(folder / f"{group}-{number}.png")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    """Writes the tiny recipe with some keys changed."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(TINY | changes))
        return path

    return write
