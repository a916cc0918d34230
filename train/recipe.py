"""A recipe: every number of a training run, in one YAML file that extends nothing."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from .errors import TrainError

RECIPES = Path(__file__).parent / "recipes"

S = TypeVar("S", bound="Settings")
C = TypeVar("C")


class Settings(BaseModel):
    """Settings refuse keys that they don't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Phase(Settings):
    """Batches of `batch` crops, `crop` wide in the task's unit (pixels, samples), until a fraction of the schedule.

    only: train the parts of the model whose names begin so, and leave the others as their averages are; all if empty.
    adversarial: train against the task's adversary, which learns too; what validated best before no longer counts.
    learning_rate: of a schedule that begins and ends with the phase; None: the recipe's goes on.
    """

    until: float = Field(gt=0, le=1)
    crop: int = Field(gt=0)
    batch: int = Field(gt=0)
    only: list[str] = []
    adversarial: bool = False
    learning_rate: float | None = Field(None, gt=0)

    def trains(self, name: str) -> bool:
        """Whether a parameter, or anything of the part of the model that is called so, is trained."""
        return not self.only or any(name.startswith(start) or start.startswith(f"{name}.") for start in self.only)


class Recipe(Settings):
    """The schedule ends at `steps` or after `minutes` of training, whichever comes first."""

    codec: str
    steps: int | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    phases: list[Phase] = Field(min_length=1)
    learning_rate: float = Field(gt=0)
    warmup: int = Field(ge=0)  # steps
    floor: float = Field(0.02, ge=0, le=1)  # of the learning rate, where the cosine ends
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = Field(1.0, gt=0)  # norm of the gradient
    ema: float = Field(0.999, ge=0, lt=1)
    accumulate: int = Field(1, gt=0)  # batches a step
    seed: int = Field(0, ge=0)
    init: Path | None = None  # a portable state to start from
    start: float = Field(0.0, ge=0, lt=1)  # fraction of the schedule that `init` is taken to have done
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = True
    device: Literal["auto", "cpu"] = "auto"
    resident: bool = False  # keep all pictures in the device's memory
    held_out: list[str] = []  # sources to validate on
    validations: int = Field(10, ge=0)  # over the run, evenly
    save_every: float = Field(120, gt=0)  # seconds
    log_every: int = Field(100, gt=0)  # steps
    give_up: int = Field(20, gt=0)  # steps in a row with a gradient that is not finite
    task: dict[str, Any] = {}  # what only this codec knows

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.steps is None and self.minutes is None:
            raise ValueError("set steps, minutes or both")
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)) or ends[-1] != 1:
            raise ValueError("the phases' until must rise and end at 1")
        if self.start and self.init is None:
            raise ValueError("start needs init")
        return self

    def dump(self) -> str:
        """The recipe as YAML that `load_recipe` reads back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_recipe(codec: str, path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read the recipe at `path`, or the one that comes with `codec`.

    overrides: keys of the recipe to replace; `task.model.width` is a key inside of others.

    Raises:
        TrainError: there is none, it is not YAML, a key is unknown or a value is out of range.
    """
    if path is None:
        path = RECIPES / f"{codec}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.yaml")))
            raise TrainError(f"There is no recipe for {codec!r}; there are recipes for: {known}.")
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"The recipe {path} can't be read: {getattr(error, 'strerror', None) or error}.") from error
    except yaml.YAMLError as error:
        raise TrainError(f"The recipe {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise TrainError(f"The recipe {path} is not a mapping of settings.")
    for key, value in (overrides or {}).items():
        _replace(content, key, value)
    recipe = check(Recipe, content, str(path))
    if recipe.codec != codec:
        raise TrainError(f"The recipe {path} is for {recipe.codec}, not for {codec}.")
    return recipe


def _replace(content: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise TrainError(f"The recipe's {parent} has no settings of its own, so there is no {key} to replace.")
    content[last] = value


def check(kind: type[S], content: Any, source: str) -> S:
    """`content` as settings of `kind`; the first thing that is wrong is raised as a TrainError."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise TrainError(f"{source}: {_sentence(error, kind)}") from error


def network_config(
    codec: str, config: type[C], presets: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]
) -> C:
    """A codec's `config` (a dataclass) of the recipe's settings of its model, on top of its `preset` if one is named.

    Raises TrainError for a setting that the codec does not have or can't take.
    """
    settings = dict(settings)
    preset = settings.pop("preset", None)
    if preset is not None and preset not in presets:
        raise TrainError(f"{codec} has no preset {preset!r}; there are: {', '.join(presets) or 'none'}.")
    known = {field.name: field.default for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    for name, value in settings.items():
        if name not in known:
            raise TrainError(f"The recipe's model has no setting {name}; there are: {', '.join(known)}.")
        if isinstance(value, int) and not isinstance(value, bool) and value < 1 and value != known[name]:
            raise TrainError(f"The recipe's model setting {name} must be above 0.")
    try:
        return TypeAdapter(config).validate_python({**presets.get(preset or "", {}), **settings})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        raise TrainError(f"The recipe's model: {where}: {first['msg'].removeprefix('Value error, ')}.") from error


def _sentence(error: ValidationError, kind: type[Settings]) -> str:
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        missing = [str(e["loc"][-1]) for e in errors if e["type"] == "missing"]
        close = difflib.get_close_matches(str(first["loc"][-1]), [*missing, *kind.model_fields], 1)
        return f"there is no setting {name}; did you mean {close[0]}?" if close else f"there is no setting {name}."
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    return f"{name}: {reason}." if name else f"{reason}."
