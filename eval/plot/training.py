"""Training curves: what runs have logged for TensorBoard, one figure a quantity, a line a run."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import EvalError, Unavailable
from .figure import Figure, Series
from .palette import COLOURS, DASHES, Style

EVENTS = "events.out.tfevents.*"
LOGS = "tensorboard"  # the folder inside of a run
FEW = 30  # points that are marked: one alone has no line
TITLES = {
    "loss": "Loss, better ↓",
    "bpp": "Rate (bits per pixel, estimated), better ↓",
    "PSNR": "PSNR (dB), better ↑",
    "validation": "Validation score, better ↓",
    "crops/s": "Crops per second, better ↑",
}


def is_run(path: Path) -> bool:
    """Whether a folder is a training run's, or one of TensorBoard's logs."""
    return _logs(path) is not None


def training_figures(runs: Sequence[Path]) -> list[Figure]:
    """Everything that the runs have logged, the quantities in the order of `TITLES`.

    Raises:
        EvalError: a folder holds no logs, or none that can be read.
        Unavailable: tensorboard is not installed.
    """
    series: dict[str, list[Series]] = {}
    for number, (name, path) in enumerate(zip(_names(runs), runs, strict=True)):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        for tag, points in scalars(path).items():
            steps, values = zip(*points, strict=True)
            marker = "circle" if len(steps) <= FEW else ""
            series.setdefault(tag, []).append(Series(name, steps, values, Style(colour, marker, 1.4, dash)))
    places = {tag: number for number, tag in enumerate(TITLES)}
    tags = sorted(series, key=lambda tag: places.get(tag, len(places)))
    return [
        Figure(
            key=f"training-{re.sub('[^A-Za-z0-9_-]+', '-', tag)}",
            title=f"Training: {tag}",
            x_title="Step",
            y_title=TITLES.get(tag, tag),
            series=series[tag],
        )
        for tag in tags
    ]


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What a run has logged: tag -> (step, value), of which those that are not finite are left out.

    Steps that an interrupted run did again after it was resumed count once. Raises as `training_figures`.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ModuleNotFoundError as error:
        raise Unavailable("Training curves need tensorboard: pip install 'kodek[train]'.") from error
    folder = _logs(run)
    if folder is None:
        raise EvalError(f"{run} is no training run: it holds no {EVENTS}.")
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})  # 0: all of them
    events.Reload()
    found = {}
    for tag in events.Tags()["scalars"]:
        points = {event.step: event.value for event in events.Scalars(tag) if math.isfinite(event.value)}
        if points:
            found[tag] = sorted(points.items())
    if not found:
        raise EvalError(f"{run}: the training logs hold no numbers.")
    return found


def _logs(path: Path) -> Path | None:
    return next((folder for folder in (path / LOGS, path) if any(folder.glob(EVENTS))), None)


def _names(runs: Sequence[Path]) -> list[str]:
    """The runs' folders, by as much of their paths as tells them apart."""
    paths = [run.resolve().parts for run in runs]
    for count in range(1, max(map(len, paths), default=0) + 1):
        names = ["/".join(parts[-count:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [str(run) for run in runs]
