"""Priors beside each other: each member of the family learns the same steps over the same frozen transforms.

Distortion is then the same for all, but for how latents round around other means, so rates compare directly. The
transforms, the hyper analysis and the hyper synthesis come from a portable state; contexts and heads start anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from kodek.codecs.image import hyperprior, mlic
from kodek.codecs.image.model import ImageModel, family
from kodek.codecs.zoo import WEIGHTS
from kodek.entropy.exact import POSITIONS

from .checkpoint import State, load_checkpoint, load_state, load_weights
from .entry import RECIPE, train
from .errors import TrainError
from .export import export_model
from .loop import CHECKPOINT
from .recipe import Recipe, check
from .report import console

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
    """Train each of `members` (see `MEMBERS`) and export it to `out`/NAME; returns these folders.

    What earlier calls with the same settings finished is kept, and what they began goes on. phases: until which
    fraction of the steps which crop (pixels) and batch.

    Raises:
        TrainError: no data, other settings than those of the runs in `out`, members that don't fit the transforms.
        Interrupted: Ctrl-C or SIGTERM, after a checkpoint was written.
    """
    state = load_state(transforms)
    models = []
    for number, (name, (codec, settings)) in enumerate(members.items(), 1):
        recipe = _recipe(codec, settings, state, transforms.resolve(), steps, phases)
        run, model = out / "runs" / name, out / name
        models.append(model)
        begun = (run / CHECKPOINT).exists()
        if begun and ((run / RECIPE).read_text(), load_checkpoint(run / CHECKPOINT)["data"]) != (recipe.dump(), data):
            raise TrainError(f"{run} was trained with other settings: choose another folder, or remove it.")
        if begun and (model / WEIGHTS).exists():
            continue
        console().print(f"{name} ({number} of {len(members)}): {steps} steps", markup=False)
        _share_pictures(run, out / "data")
        train(recipe, data, run, resume=begun)
        _export(run, model, name, transforms.name)
    return models


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
        "task": {"lambdas": lambdas, "model": {**widths, **settings}, "transforms": str(transforms)},
    }
    return check(Recipe, content, "The ablation's recipe")


def _share_pictures(run: Path, folder: Path) -> None:
    """Decoded once, for all runs; where a link can't be made, each run decodes them for itself."""
    run.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        (run / "data").symlink_to(folder.resolve(), target_is_directory=True)


def _export(run: Path, folder: Path, name: str, transforms: str) -> None:
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
