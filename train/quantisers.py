"""Quantisers and transforms of sound beside each other: equal short trainings, for `kodek bench quantisers`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from .entry import export
from .members import train_each
from .recipe import Recipe, check

# settings of the codec's config; see codecs/audio/quantisers.py
MEMBERS: dict[str, dict[str, Any]] = {
    "rvq": {},
    "steady": {"stages": 16, "steady": 4},  # rvq
    "grouped": {"quantiser": "grouped"},
    "masked": {"quantiser": "masked"},
    "single": {"quantiser": "single", "stages": 1, "codes": 4096},
    "fsq": {"quantiser": "fsq", "codes": 1000},
    "waveform": {"transform": "waveform", "width": 64},  # rvq; wider ones train no further in the time there is
}
MODEL = {"preset": "small", "stages": 12, "steady": 0, "prior": {}}
PHASES: list[dict[str, Any]] = [
    {"until": 0.05, "crop": 24000, "batch": 8, "only": ["analysis", "synthesis"]},
    {"until": 0.8, "crop": 24000, "batch": 8, "only": ["analysis", "quantiser", "synthesis"]},
    {"until": 1.0, "crop": 48000, "batch": 8, "only": ["prior"], "learning_rate": 0.003},
]


def train_quantisers(
    members: Mapping[str, Mapping[str, Any]],
    data: str,
    out: Path,
    steps: int,
    *,
    model: Mapping[str, Any] = MODEL,
    phases: list[dict[str, Any]] = PHASES,
    held_out: list[str] | None = None,
) -> list[Path]:
    """Train each of `members` (see `MEMBERS`) on top of `model` and export it to `out`/NAME, see `train_each`."""
    recipes = {
        name: _recipe({**model, **settings}, steps, phases, held_out or []) for name, settings in members.items()
    }
    return train_each(recipes, data, out, partial(_export, data))


def _recipe(model: dict[str, Any], steps: int, phases: list[dict[str, Any]], held_out: list[str]) -> Recipe:
    content = {
        "codec": "audio-rvq",
        "steps": steps,
        "phases": phases,
        "learning_rate": 0.001,
        "warmup": min(100, steps // 4),
        "betas": (0.8, 0.99),
        "clip": 20.0,
        "compile": False,
        "validations": 0,
        "held_out": held_out,
        "task": {"model": model},
    }
    return check(Recipe, content, "The bench's recipe")


def _export(data: str, run: Path, folder: Path, name: str) -> None:
    export(run, folder, {"name": name, "data": data, "licence": "unspecified"}, best=False)
