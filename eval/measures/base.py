"""What a measurement of quality is, whether a formula (a metric) or a network's verdict (a task)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..sample import Coded, Media, Sample

# Of one file. A pair is (sum, weight): over files the sums and the weights are added before they are divided, as in a
# pooled word error rate. None: there is no finite value, as for the PSNR of equal pictures.
Value = float | tuple[float, float] | None
Compute = Callable[[Sample, Coded], Mapping[str, Value]]

INFINITY = float("inf")


@dataclass(frozen=True)
class Measure:
    """One number and how to read it.

    name: its key in rows; title: its name in the field; unit: "dB", "" or "%" (values are then still fractions of 1);
    higher: whether more is better; range: of its possible values.
    """

    name: str
    title: str
    unit: str
    higher: bool
    range: tuple[float, float]


@dataclass(frozen=True)
class Meter:
    """A plug-in that computes one or several measures for a decoded file.

    name: as the user asks for it. load: imports what it needs, loads its networks and returns the function that
    measures; raises `Unavailable`. That function may raise EvalError for a file that it can't judge, which is
    recorded as such, and returns {} where it does not apply. packages: distributions whose versions are recorded.
    source: the paper or protocol. task: machine perception, by the network that `judge` names.
    """

    name: str
    media: frozenset[Media]
    measures: tuple[Measure, ...]
    load: Callable[[], Compute]
    source: str
    packages: tuple[str, ...] = ()
    task: bool = False
    judge: str = ""
