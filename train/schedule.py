"""Where a run stands in its schedule, and what follows from that: crop, batch and learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .recipe import Phase, Recipe

WARM = 0.03  # of a phase with a learning rate of its own


@dataclass
class Position:
    """How far a run has come; all of it is in the checkpoint.

    step and seconds count from the beginning of the schedule; the state it started from had `before` steps.
    """

    step: int = 0
    seconds: float = 0.0
    before: int = 0
    phase: int = -1  # the number of the last one begun
    validations: int = 0
    best: float = math.inf
    skipped: int = 0  # steps with a gradient that was not finite
    skipped_in_row: int = 0

    @property
    def trained(self) -> int:
        """Steps that the weights have seen in all."""
        return self.before + self.step


def fraction_done(recipe: Recipe, position: Position) -> float:
    """0 at the beginning (`start`, if the recipe says so), 1 when the steps or the time are used up."""
    by_steps = position.step / recipe.steps if recipe.steps else 0.0
    by_time = position.seconds / (60 * recipe.minutes) if recipe.minutes else 0.0
    return recipe.start + (1 - recipe.start) * min(1.0, max(by_steps, by_time))


def phase_at(recipe: Recipe, fraction: float) -> Phase:
    return next(phase for phase in recipe.phases if fraction <= phase.until)


def learning_rate(recipe: Recipe, fraction: float, step: int) -> float:
    """Half a cosine from the full rate to its floor, behind a linear warm-up; another one in a phase with its own."""
    phase = phase_at(recipe, fraction)
    if phase.learning_rate is None:
        end = max(each.until for each in recipe.phases if each.learning_rate is None)
        full, share, warm = recipe.learning_rate, fraction / end, (step + 1) / max(1, recipe.warmup)
    else:
        begin = max((each.until for each in recipe.phases if each.until < phase.until), default=0.0)
        share = (fraction - begin) / (phase.until - begin)
        full, warm = phase.learning_rate, (share + 1e-3) / WARM
    return full * (recipe.floor + (1 - recipe.floor) * 0.5 * (1 + math.cos(math.pi * share))) * min(1.0, warm)


def validations_due(recipe: Recipe, fraction: float) -> int:
    """How many validations should be done by now; the last one falls on the end."""
    return math.floor(recipe.validations * fraction + 1e-9)


def ema_decay(recipe: Recipe, step: int) -> float:
    """The average forgets the first weights quickly: short at first, `ema` in the end."""
    return min(recipe.ema, (1 + step) / (10 + step))
