"""LPIPS and DISTS: the real code on backbones of random weights, and what is said when there are none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from kodek.datasets.compat import install
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.measures import find_meter
from kodek.eval.sample import Coded, Sample

install()
models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
pytest.importorskip("lpips", reason="lpips is not installed")

from .conftest import pixels  # noqa: E402

FILES = {"alexnet": "alexnet-owt-7be5be79.pth", "vgg16": "vgg16-397923af.pth"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TORCH_HOME with backbones of random weights; their classifiers, which nothing uses, take no space."""
    folder = tmp_path_factory.mktemp("torch")
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    torch.manual_seed(0)
    for name, file in FILES.items():
        with torch.device("meta"):
            shapes = {key: value.shape for key, value in getattr(models, name)().state_dict().items()}
        weights = {}
        for key, shape in shapes.items():
            if key.startswith("features") and len(shape) == 4:
                weights[key] = torch.randn(shape) * math.sqrt(2 / math.prod(shape[1:]))
            else:
                weights[key] = torch.zeros(1).expand(shape)
        torch.save(weights, folder / "hub" / "checkpoints" / file)
    return folder


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty TORCH_HOME without a network; the addresses that were tried."""
    tried: list[str] = []

    def fail(url: str, *args: Any, **kwargs: Any) -> None:
        tried.append(url)
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    return tried


def judge(compute: Any, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    return dict(compute(Sample("a", a), Coded("some", 1, b"", b)))


@pytest.mark.parametrize(("name", "keys"), [("lpips", ["lpips_alex", "lpips_vgg"]), ("dists", ["dists"])])
def test_distances(name: str, keys: list[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(home))
    meter = find_meter(name)
    assert [measure.name for measure in meter.measures] == keys and not any(m.higher for m in meter.measures)
    compute = meter.load()
    a = pixels(64, 72)
    noise = np.random.default_rng(0).normal(0, 1, a.shape)
    steps = [judge(compute, a, np.clip(a + s * noise, 0, 255).astype(np.uint8)) for s in (0, 12, 60)]
    for key, measure in zip(keys, meter.measures, strict=True):
        values = [step[key] for step in steps]
        assert values[0] == pytest.approx(0, abs=1e-5) and values[0] < values[1] < values[2] < measure.range[1]
    if name == "lpips":
        assert steps[0] == {"lpips_alex": 0, "lpips_vgg": 0}
        assert steps[2]["lpips_alex"] != pytest.approx(steps[2]["lpips_vgg"], rel=1e-3)
    with pytest.raises(EvalError, match="32 pixels a side or more"):
        judge(compute, a[:31], a[:31])
    assert judge(compute, a[:32, :32], a[32:, :32]).keys() == set(keys)
    with pytest.raises(EvalError, match="too much memory"):
        judge(compute, *[np.broadcast_to(a[:1, :1], (2049, 2048, 3))] * 2)
    with pytest.raises(EvalError, match="different shapes"):
        judge(compute, a, a[1:])


@pytest.mark.parametrize(("name", "file"), [("lpips", FILES["alexnet"]), ("dists", FILES["vgg16"])])
def test_missing_weights_are_named_and_tried_once(name: str, file: str, tmp_path: Path, offline: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            find_meter(name).load()
        message = str(raised.value)
        assert all(part in message for part in (file, str(tmp_path / "hub" / "checkpoints"), "no network"))
    assert offline == [f"https://download.pytorch.org/models/{file}"]


def test_damaged_weights_are_named(tmp_path: Path, offline: list[str]) -> None:
    path = tmp_path / "hub" / "checkpoints" / FILES["vgg16"]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    with pytest.raises(Unavailable, match="damaged") as raised:
        find_meter("dists").load()
    assert str(path) in str(raised.value) and not offline
