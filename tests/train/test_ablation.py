"""Priors trained alike over the same frozen transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kodek.codecs.image import mlic
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.model import ImageModel, family
from kodek.train import TrainError, run
from kodek.train.ablation import DEFAULT, MEMBERS, train_members
from kodek.train.checkpoint import load_checkpoint, load_state

from .conftest import TINY as RECIPE

SMALL: dict[str, Any] = {"slices": (4, 12), "attention": 8, "residual": False}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "two-part": ("image-hyperprior", {}),
    "small": ("image-mlic", SMALL),
    "channel-wise": ("image-mlic", {**mlic.PRESETS["channel-wise"], **SMALL, "slices": (8, 8)}),
}
PHASES = ((0.5, 64, 2), (1.0, 128, 1))


@pytest.fixture(scope="module")
def state(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("state")
    (out / "recipe.yaml").write_text(yaml.safe_dump(RECIPE | {"steps": 2, "seed": 1}))
    run("image-hyperprior", str(photos), out / "run", out / "recipe.yaml")
    return out / "run" / "state.safetensors"


def test_only_priors_learn_and_each_is_a_model(photos: Path, state: Path, tmp_path: Path) -> None:
    models = train_members(TINY, str(photos), tmp_path, 3, state, PHASES)
    assert [model.name for model in models] == list(TINY)
    given = load_state(state).weights
    for model in models:
        learnt = load_checkpoint(tmp_path / "runs" / model.name / "checkpoint.pt")["ema"]
        for name in ("analysis.down.weight", "synthesis.up.weight", "prior.gain.knots"):
            same = learnt[name].flatten().sort()[0], given[name].flatten().sort()[0]  # channels are in another order
            torch.testing.assert_close(*same, rtol=1e-4, atol=1e-5)
        assert not torch.equal(learnt["prior.depth1.weight"], given["prior.depth1.weight"])
        codec = ImageCodec.load(model / "weights.safetensors")
        x = torch.rand(1, 3, 40, 70, generator=torch.Generator().manual_seed(0))
        payloads, symbols = codec.encode(x, 128, 0)
        assert codec.decode(payloads, (40, 70), 128, 0)[1] == symbols
        assert "| bpp |" not in (model / "card.md").read_text()


def test_contexts_start_anew(photos: Path, state: Path, tmp_path: Path) -> None:
    """Otherwise the member whose prior was trained with the transforms would be ahead."""
    train_members({"two-part": TINY["two-part"]}, str(photos), tmp_path, 1, state, PHASES)
    learnt = load_checkpoint(tmp_path / "runs" / "two-part" / "checkpoint.pt")["model"]
    difference = (learnt["prior.enter.weight"] - load_state(state).weights["prior.enter.weight"]).abs().max()
    assert difference > 0.01


def test_what_is_finished_is_kept(photos: Path, state: Path, tmp_path: Path) -> None:
    one = {"small": TINY["small"]}
    (model,) = train_members(one, str(photos), tmp_path, 2, state, PHASES)
    weights = model / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    train_members(one, str(photos), tmp_path, 2, state, PHASES)
    assert weights.stat().st_mtime_ns == before
    weights.unlink()  # as if it had been stopped before the export
    train_members(one, str(photos), tmp_path, 2, state, PHASES)
    assert weights.exists()
    with pytest.raises(TrainError, match="other settings"):
        train_members(one, str(photos), tmp_path, 3, state, PHASES)


def test_members_must_fit_the_transforms(photos: Path, state: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="latents"):
        train_members({"small": MEMBERS["small"]}, str(photos), tmp_path, 1, state, PHASES)


@pytest.mark.parametrize("name", mlic.PRESETS)
def test_presets_are_networks(name: str) -> None:
    kind = family("image-mlic")
    with torch.device("meta"):
        model = ImageModel(kind, kind.config(**mlic.PRESETS[name]))
    assert model.config.slices and sum(p.numel() for p in model.prior.parameters()) > 1e5
    assert name in MEMBERS and (name in DEFAULT) == (name not in ("full", "no-residual"))
