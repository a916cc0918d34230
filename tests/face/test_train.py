"""``kodek train`` and ``kodek export``: a run of a few steps becomes a model that encodes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from .conftest import Kodek, pixels

RECIPE = {
    "codec": "image-hyperprior",
    "steps": 100,
    "phases": [{"until": 1.0, "crop": 64, "batch": 1}],
    "learning_rate": 0.001,
    "warmup": 1,
    "compile": False,
    "device": "cpu",
    "validations": 0,
    "held_out": ["lake"],
    "task": {
        "lambdas": [0.001, 0.15],
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


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shift in (("lake-1", 0), ("street-1", 40), ("street-2", 80)):
        Image.fromarray(np.roll(pixels(96, 96), shift, 1)).save(folder / f"{name}.png")
    return folder


def test_from_pictures_to_a_model(photos: Path, tmp_path: Path, kodek: Kodek) -> None:
    recipe, run, model = tmp_path / "recipe.yaml", tmp_path / "run", tmp_path / "mine"
    recipe.write_text(yaml.safe_dump(RECIPE))
    train = ("train", "image-hyperprior", "--data", photos, "--out", run, "--recipe", recipe)
    assert kodek(*train, "--set", "steps=2", "--threads", 1).code == 0
    assert yaml.safe_load((run / "recipe.yaml").read_text())["steps"] == 2
    assert kodek(*train).code == 3  # a run is there already
    export = ("export", run, model, "--last", "--data", "three pictures", "--licence", "CC0-1.0")
    result = kodek(*export)
    assert result.code == 0 and b"three pictures" in result.out
    assert kodek(*export).code == 6
    photo = photos / "lake-1.png"
    assert kodek("encode", photo, "--model", model).code == 0
    facts = json.loads(kodek("info", photo.with_suffix(".kdk"), "--json").out)
    assert facts["model"] is None  # it is in none of the folders that are searched


def test_no_run(tmp_path: Path, kodek: Kodek) -> None:
    result = kodek("export", tmp_path / "none", tmp_path / "model")
    assert result.code == 3 and result.err.count("\n") == 1
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("setting", ["nonsense=1", "steps=-1", "steps=many"])
def test_bad_settings(tmp_path: Path, photos: Path, kodek: Kodek, setting: str) -> None:
    run = tmp_path / "run"
    result = kodek("train", "image-hyperprior", "--data", photos, "--out", run, "--set", setting)
    assert result.code == 3 and setting.partition("=")[0] in result.err and result.err.count("\n") == 1
    assert not run.exists()
