"""The registry of measures: `METERS`, by the names that users ask for."""

from __future__ import annotations

from ..errors import EvalError
from ..sample import Media
from .base import Compute, Measure, Meter, Value

__all__ = ["Compute", "Measure", "Meter", "Value", "find_meter", "measures", "meters"]


def meters() -> dict[str, Meter]:
    """Every meter by name, metrics first, then tasks. Imports no heavy library: `load` does."""
    from .. import tasks
    from . import audio, distance, perceptual, program, speech

    modules = (distance, perceptual, program, audio, speech, tasks)
    return {meter.name: meter for module in modules for meter in module.METERS}


def find_meter(name: str) -> Meter:
    """Raises EvalError when there is none of this name."""
    known = meters()
    if name not in known:
        raise EvalError(f"There is no measure {name!r}: known are {', '.join(known)}.")
    return known[name]


def measures(media: Media | None = None) -> dict[str, Measure]:
    """Every measure by its key in rows; of one kind of media, or of all."""
    chosen = [meter for meter in meters().values() if media is None or media in meter.media]
    return {measure.name: measure for meter in chosen for measure in meter.measures}
