"""Priors beside each other: each member of the family learns the same steps over the same frozen transforms.

Distortion is then the same for all, but for how latents round around other means, so rates compare directly. The
transforms, the hyper analysis and the hyper synthesis come from a portable state; contexts and heads start anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from kodek.codecs.image import hyperprior, mlic
from kodek.codecs.image.model import ImageModel, family
from kodek.entropy.exact import POSITIONS

from .checkpoint import State, load_checkpoint, load_state, load_weights
from .errors import TrainError
from .export import export_model
from .loop import CHECKPOINT
from .members import train_each
from .recipe import Recipe, check

TRANSFORMS = Path(__file__).parent / "state" / "image-hyperprior.safetensors"

# name -> codec and settings of its config, without the latent residual prediction: that is a part of the synthesis
MEMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "two-part": ("image-hyperprior", {}),
    **{name: ("image-mlic", {**settings, "residual": False}) for name, settings in mlic.PRESETS.items()},
}
DEFAULT = tuple(name for name in MEMBERS if name not in ("full", "no-residual"))

# all but the transforms and the gain of y, which the rate alone would shrink to nothing
LEARN = ("hyper_analysis", *(f"prior.{part}" for part in ("z_", "step_bias", "up", "depth", "features", "scale")))
CONTEXTS = {"image-hyperprior": ("enter", "middle", "head"), "image-mlic": ("slices",)}


def train_members(
    members: Mapping[str, tuple[str, Mapping[str, Any]]],
    data: str,
    out: Path,
    steps: int,
    transforms: Path = TRANSFORMS,
    phases: Iterable[tuple[float, int, int]] = ((0.75, 128, 8), (1.0, 256, 2)),
) -> list[Path]:
    """Train each of `members` (see `MEMBERS`) and export it to `out`/NAME, see `train_each`.

    phases: until which fraction of the steps which crop (pixels) and batch. Raises TrainError also for members that
    don't fit the transforms.
    """
    state = load_state(transforms)
    recipes = {
        name: _recipe(codec, settings, state, transforms.resolve(), steps, phases)
        for name, (codec, settings) in members.items()
    }
    return train_each(recipes, data, out, partial(_export, transforms.name))


def _recipe(
    codec: str,
    settings: Mapping[str, Any],
    state: State,
    transforms: Path,
    steps: int,
    phases: Iterable[tuple[float, int, int]],
) -> Recipe:
    """The same for all but the network."""
    try:
        widths = {name: state.task["model"][name] for name in hyperprior.Config.__dataclass_fields__}
        depths = {name: widths[name] for name in ("analysis_blocks", "synthesis_blocks")}
        lambdas = state.task["lambdas"]
    except KeyError as error:
        raise TrainError(f"{transforms} holds no image codec.") from error
    only = [*LEARN, *(f"prior.{part}" for part in CONTEXTS[codec])]
    content = {
        "codec": codec,
        "steps": steps,
        "phases": [{"until": until, "crop": crop, "batch": batch, "only": only} for until, crop, batch in phases],
        "learning_rate": 0.001,
        "warmup": min(100, steps // 4),
        "compile": False,  # it takes as long as some hundred steps
        "validations": 0,
        "task": {"lambdas": lambdas, "model": {**widths, **settings, **depths}, "transforms": str(transforms)},
    }
    return check(Recipe, content, "The ablation's recipe")


def _export(transforms: str, run: Path, folder: Path, name: str) -> None:
    """Quality bytes stand for the same steps in every member."""
    checkpoint = load_checkpoint(run / CHECKPOINT)
    kind = family(checkpoint["codec"])
    model = ImageModel(kind, kind.config(**checkpoint["task"]["model"]))
    load_weights(model, checkpoint["ema"], str(run))
    facts = {
        "name": name,
        "training": f"the prior only, over the transforms of {transforms}",
        "steps": str(checkpoint["position"]["step"]),
        "data": checkpoint["data"],
        "licence": "unspecified",
    }
    export_model(model, folder, facts, [], torch.linspace(0, 1, POSITIONS))
