"""What a codec brings to the loop; everything else is the same for all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, device, nn

from .checkpoint import State
from .errors import TrainError
from .recipe import Phase, Recipe

Track = Callable[..., Iterable[Any]]  # of things, their count and what is done to them; see `report.tracked`

TASKS = {
    **dict.fromkeys(("image-hyperprior", "image-mlic"), "kodek.train.tasks.image:ImageTask"),
    "audio-rvq": "kodek.train.tasks.audio:AudioTask",
}


class Task(Protocol):
    """A model, the batches it sees, what they should cost, and what its coded files are worth."""

    model: nn.Module  # the network that is trained, averaged and exported
    objective: nn.Module  # forward(*batch) -> (loss, {name: mean over the batch}), scalars; holds what learns
    adversary: nn.Module | None  # learns in adversarial phases only, with an optimizer of its own, and is not exported
    data_key: str  # names the training data
    settings: dict[str, Any]  # of the recipe's `task`, with every default filled in
    notes: list[str]  # what the user should know about the data, sentences

    def __init__(self, recipe: Recipe, data: str, out: Path, track: Track) -> None: ...

    def state(self, path: Path) -> State:
        """The weights to start from: of a portable state or a model. Raises TrainError if it is neither."""

    def initialise(self) -> None:
        """Start the model's weights from the data. Called once, when nothing is resumed."""

    def enter(self, phase: Phase) -> None:
        """A phase begins or, after an interruption, goes on."""

    def seed(self, seed: int, process: int) -> None:
        """Draw batches of this process from here on, independent of the other processes'."""

    def batch(self, count: int, crop: int, where: device) -> tuple[Tensor, ...]:
        """The objective's next arguments."""

    def numbers(self, means: Mapping[str, float]) -> dict[str, float]:
        """The objective's means as the numbers that matter to a reader, such as bpp and PSNR."""

    def running_state(self) -> dict[str, Any]:
        """What the task goes on from besides weights: its random generators, statistics of the batches so far."""

    def set_running_state(self, state: dict[str, Any]) -> None: ...

    def validate(self, model: nn.Module) -> Validation | None:
        """Measure real files of held-out data; None if nothing is held out."""

    def export(self, model: nn.Module, folder: Path, facts: Mapping[str, str]) -> None:
        """Write `model` as one that codes. facts: name, steps, data and so on, a line each."""


class Validation(Protocol):
    score: float  # lower is better; nan if it can't be told

    def __str__(self) -> str:
        """One line for the reader."""

    def row(self) -> dict[str, Any]:
        """The measured values, as JSON takes them."""

    def scalars(self) -> dict[str, float]:
        """What is shown over the steps, besides the score."""


def find_task(codec: str) -> type[Task]:
    if codec not in TASKS:
        raise TrainError(f"There is no training for {codec!r}; there is for: {', '.join(sorted(TASKS))}.")
    module, _, name = TASKS[codec].partition(":")
    return getattr(importlib.import_module(module), name)
