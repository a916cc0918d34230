"""Beginning, resuming and exporting a run; `kodek.train` says what these functions take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kodek.datasets import MediaWriteError, atomic_write

from .checkpoint import load_checkpoint, load_state, load_weights
from .errors import TrainError
from .loop import BEST, CHECKPOINT, STATE, Run
from .recipe import Recipe, load_recipe
from .report import tracked
from .schedule import Position
from .task import Task, find_task

RECIPE = "recipe.yaml"


def train(recipe: Recipe, data: str | None, out: Path, resume: bool) -> Path:
    """See `kodek.train.run`."""
    checkpoint = load_checkpoint(out / CHECKPOINT) if resume else None
    if checkpoint is None and (out / CHECKPOINT).exists():
        raise TrainError(f"{out} holds a run already: continue it with --resume, or choose another folder.")
    data = data or (checkpoint["data"] if checkpoint else None)
    if data is None:
        raise TrainError("Training needs data.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        run = Run(recipe, data, out, checkpoint)
        with atomic_write(out / RECIPE) as file:  # not before the run accepts it
            file.write(recipe.dump().encode())
    except MediaWriteError as error:
        raise TrainError(str(error)) from error
    except OSError as error:
        raise TrainError(f"The folder {out} can't be written: {error.strerror or error}.") from error
    run.train()
    return out / BEST if (out / BEST).exists() else out / STATE


def export(out: Path, folder: Path, facts: Mapping[str, str], best: bool) -> None:
    """See `kodek.train.export_run`."""
    checkpoint = load_checkpoint(out / CHECKPOINT)
    recipe = load_recipe(checkpoint["codec"], out / RECIPE)
    task: Task = find_task(recipe.codec)(recipe, checkpoint["data"], out, tracked)
    weights, step = checkpoint["ema"], Position(**checkpoint["position"]).trained
    if best and (out / BEST).exists():
        state = load_state(out / BEST)
        weights, step = state.weights, state.step
    load_weights(task.model, weights, str(out))
    training = f"Adam {recipe.learning_rate:g}, " + ", ".join(
        f"{phase.batch * recipe.accumulate} x {phase.crop}" for phase in recipe.phases
    )
    task.export(task.model, folder, {"steps": str(step), "training": training, **facts})
