"""Models beside each other: equal trainings of each, for a comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from kodek.codecs.zoo import WEIGHTS

from .checkpoint import load_checkpoint
from .entry import RECIPE, train
from .errors import TrainError
from .loop import CHECKPOINT
from .recipe import Recipe
from .report import console


def train_each(
    recipes: Mapping[str, Recipe], data: str, out: Path, export: Callable[[Path, Path, str], None]
) -> list[Path]:
    """Train by each of `recipes` and export to `out`/NAME; returns these folders.

    What earlier calls with the same settings finished is kept, and what they began goes on. export: of a run's folder
    into a model's folder, under a name.

    Raises:
        TrainError: no data, or other settings than those of the runs in `out`.
        Interrupted: Ctrl-C or SIGTERM, after a checkpoint was written.
    """
    models = []
    for number, (name, recipe) in enumerate(recipes.items(), 1):
        run, model = out / "runs" / name, out / name
        models.append(model)
        begun = (run / CHECKPOINT).exists()
        if begun and ((run / RECIPE).read_text(), load_checkpoint(run / CHECKPOINT)["data"]) != (recipe.dump(), data):
            raise TrainError(f"{run} was trained with other settings: choose another folder, or remove it.")
        if begun and (model / WEIGHTS).exists():
            continue
        console().print(f"{name} ({number} of {len(recipes)}): {recipe.steps} steps", markup=False)
        _share_data(run, out / "data")
        train(recipe, data, run, resume=begun)
        export(run, model, name)
    return models


def _share_data(run: Path, folder: Path) -> None:
    """Decoded once, for all runs; where a link can't be made, each run decodes it for itself."""
    run.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        (run / "data").symlink_to(folder.resolve(), target_is_directory=True)
