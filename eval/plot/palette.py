"""One look for every codec: the same colour, marker and line in every figure of the same results."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

# Okabe and Ito's palette for all kinds of colour vision, without the black and the yellow, which vanish on a dark or a
# white page.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross")  # as plotly calls them
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Style:
    """How a series is drawn. marker: "" for none; width: of the line, in points."""

    colour: str
    marker: str = ""
    width: float = 1.6
    dash: str = "solid"


def styles(codecs: Sequence[str], own: Container[str] = ()) -> dict[str, Style]:
    """A style for each codec; kodek's own take the first colours and are thick. At most 42 look different."""
    ordered = sorted(codecs, key=lambda codec: codec not in own)  # stable
    return {
        codec: Style(
            COLOURS[number % len(COLOURS)],
            MARKERS[number % len(MARKERS)],
            2.8 if codec in own else 1.6,
            DASHES[number // len(COLOURS) % len(DASHES)],
        )
        for number, codec in enumerate(ordered)
    }
