"""Small models, small pictures and short sounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kodek.codecs.audio.codec import CODEC, DECODING
from kodek.codecs.audio.model import AudioModel, Config, prior_config
from kodek.codecs.audio.prior import Prior
from kodek.codecs.weights import generation_id, half
from kodek.codecs.zoo import WEIGHTS_VERSION, write_model
from kodek.datasets import Audio
from kodek.entropy.exact import Exact, quantise
from PIL import Image

TINY = Path(__file__).parents[1] / "golden" / "tiny"


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


def speech(seconds: float, rate: int = 24000, channels: int = 1) -> Audio:
    """Tones that come and go as syllables do, and noise: [channels, seconds * rate]."""
    t = np.arange(round(seconds * rate)) / rate
    random = np.random.default_rng(3)
    voices = [
        np.sin(2 * np.pi * (150 + 40 * c) * t + 3 * np.sin(5 * t + c)) + 0.5 * np.sin(2 * np.pi * 1200 * t)
        for c in range(channels)
    ]
    wave = 0.3 * np.stack(voices) * np.sin(7 * t) ** 2 + random.normal(0, 0.01, (channels, len(t)))
    return Audio(wave.astype(np.float32), rate)


@pytest.fixture(scope="session")
def tiny_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained audio model, whose codebooks and prior are made up."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"width": 16, "latent": 8, "analysis_blocks": 1, "synthesis_blocks": 1}
    settings |= {"stages": 4, "codes": 64, "prior": {"width": 16, "depth": 1, "kernel": 3, "rank": 4}}
    config = Config(**settings)
    model = AudioModel(config).eval()
    x = torch.from_numpy(speech(4).samples)
    with torch.no_grad():
        model.quantiser.start(model.analysis(x).flatten(0, 1))
        for parameter in model.prior.parameters():
            parameter.mul_(1.5)
    exact = Prior(prior_config(config), Exact())
    quantise(model.prior, exact)
    tensors = {
        **half(model.analysis, "analysis."),
        **half(model.synthesis, "synthesis."),
        **{f"quantiser.{key}": value for key, value in model.quantiser.tensors().items()},
        **{f"prior.{key}": value for key, value in exact.state_dict().items()},
    }
    generation = generation_id(CODEC, settings, tensors, DECODING).hex()
    metadata = {"codec": CODEC, "name": "tiny-audio", "generation": generation, "version": WEIGHTS_VERSION}
    folder = tmp_path_factory.mktemp("tiny-audio")
    write_model(folder, tensors, {**metadata, "config": json.dumps(settings)}, "Untrained.")
    return folder
