import pytest
from hypothesis import given
from hypothesis import strategies as st
from kodek.train.recipe import load_recipe
from kodek.train.schedule import (
    Position,
    ema_decay,
    fraction_done,
    learning_rate,
    phase_at,
    validations_due,
)

RECIPE = load_recipe("image-hyperprior", overrides={"steps": 1000, "minutes": 10, "warmup": 100})


def test_the_schedule_ends_with_the_steps_or_the_time_whichever_is_first() -> None:
    assert fraction_done(RECIPE, Position()) == 0
    assert fraction_done(RECIPE, Position(step=500, seconds=60)) == 0.5
    assert fraction_done(RECIPE, Position(step=500, seconds=540)) == 0.9
    assert fraction_done(RECIPE, Position(step=1000)) == fraction_done(RECIPE, Position(seconds=601)) == 1


def test_a_start_leaves_the_rest_of_the_schedule() -> None:
    later = RECIPE.model_copy(update={"start": 0.6})
    assert fraction_done(later, Position(step=500)) == pytest.approx(0.8)
    assert fraction_done(later, Position(step=1000)) == 1


def test_learning_rate_warms_up_and_falls_to_its_floor() -> None:
    assert learning_rate(RECIPE, 0, 0) == pytest.approx(RECIPE.learning_rate / 100)
    assert learning_rate(RECIPE, 0, 99) == pytest.approx(RECIPE.learning_rate)
    assert learning_rate(RECIPE, 0.5, 500) == pytest.approx(RECIPE.learning_rate * 0.51)
    assert learning_rate(RECIPE, 1, 1000) == pytest.approx(RECIPE.learning_rate * RECIPE.floor)


def test_a_phase_with_a_learning_rate_of_its_own_has_the_whole_schedule() -> None:
    first, last = RECIPE.phases
    phases = [first, last.model_copy(update={"learning_rate": 0.01})]
    recipe = RECIPE.model_copy(update={"phases": phases, "warmup": 0})
    assert learning_rate(recipe, 0.375, 375) == pytest.approx(RECIPE.learning_rate * 0.51)
    assert learning_rate(recipe, 0.75, 750) == pytest.approx(RECIPE.learning_rate * RECIPE.floor)
    assert learning_rate(recipe, 0.7501, 751) < 0.001
    assert learning_rate(recipe, 0.875, 875) == pytest.approx(0.01 * 0.51)
    assert learning_rate(recipe, 1, 1000) == pytest.approx(0.01 * RECIPE.floor)


@given(st.floats(0, 1))
def test_there_is_a_phase_at_every_time(fraction: float) -> None:
    assert phase_at(RECIPE, fraction).crop == (128 if fraction <= 0.75 else 256)


def test_validations_are_spread_evenly_and_end_with_the_run() -> None:
    due = [validations_due(RECIPE, step / 1000) for step in range(1001)]
    assert due == sorted(due) and due[0] == 0 and due[-2:] == [9, 10]


def test_the_average_is_short_at_first() -> None:
    assert ema_decay(RECIPE, 1) < 0.2
    assert ema_decay(RECIPE, 10**6) == RECIPE.ema
