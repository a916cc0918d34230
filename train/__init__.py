"""Tensors to weights: one loop for every codec, driven by a recipe.

`run` trains, `export_run` makes a model that codes from a run. torch is imported when they are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import Interrupted, TrainError

EXTRA = ("accelerate", "pydantic", "tensorboard")  # what only training needs

__all__ = ["Interrupted", "TrainError", "export_run", "extra", "run"]


@contextmanager
def extra() -> Iterator[None]:
    """Imports of what only training needs. Raises TrainError, which says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        needs = "Training needs more packages: pip install 'kodek[train]'"
        raise TrainError(f"{needs} ({error.name} is missing).") from error


def run(
    codec: str,
    data: str | None,
    out: str | Path,
    recipe: str | Path | None = None,
    resume: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Train `codec` on `data` into the folder `out`; returns the best weights (a portable state).

    `out` receives recipe.yaml, checkpoint.pt, state.safetensors (averaged weights in half precision, to carry
    elsewhere), best.safetensors, validation.jsonl, tensorboard/ and data/ (the decoded pictures).

    Args:
        data: what `kodek.datasets.find_images` takes; None with `resume`: as before.
        recipe: a YAML file; None: the one that comes with the codec, with `resume` the run's own.
        resume: go on where the run in `out` stopped, bit for bit if its recipe counts steps, not minutes.
        overrides: keys of the recipe to replace; `task.model.width` is a key inside of others.

    Raises:
        TrainError: a bad recipe, no data, no space, another run in `out`, gradients that stay not finite.
        Interrupted: Ctrl-C or SIGTERM, after the checkpoint was written (a KeyboardInterrupt).
    """
    path = Path(recipe) if recipe else None
    if resume and not (Path(out) / "checkpoint.pt").is_file():
        raise TrainError(f"There is no run in {out} to resume.")
    if resume and path is None:
        path = Path(out) / "recipe.yaml"
    with extra():
        from .recipe import load_recipe

        loaded = load_recipe(codec, path, overrides)
        from .entry import train
    return train(loaded, data, Path(out), resume)


def export_run(out: str | Path, folder: str | Path, facts: Mapping[str, str], best: bool = True) -> None:
    """Write the run in `out` as a model that codes: `folder`/weights.safetensors and card.md.

    Args:
        facts: one-line texts for the card: name, licence, data...; steps and training are filled in.
        best: the weights that validated best, otherwise the last ones.

    Raises:
        TrainError: there is no run in `out`, or nothing was held out to calibrate the quality on.
    """
    from .entry import export

    export(Path(out), Path(folder), facts, best)
