"""What a figure shows, said once: matplotlib, plotly and the report draw it from the same description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .palette import Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

GRID = "rgba(128, 128, 128, 0.25)"  # light on a white and on a dark page


@dataclass(frozen=True)
class Series:
    """Points joined by a line, or the bars of one codec.

    x, y: finite numbers; of bars, x are categories. low, high: the ends of the error bars on the y axis, for all points
    or empty. labels: what each point is, shown when it is pointed at; one a point or empty.
    """

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float]
    style: Style
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    labels: Sequence[str] = ()

    def errors(self) -> tuple[list[float], list[float]]:
        """Lengths of the error bars below and above the points; a bar starts at its point, even outside of it."""
        below = [max(y - low, 0.0) for y, low in zip(self.y, self.low, strict=True)]
        return below, [max(high - y, 0.0) for y, high in zip(self.y, self.high, strict=True)]


@dataclass(frozen=True)
class Level:
    """A dashed horizontal line, such as what the uncompressed original reaches."""

    name: str
    y: float


@dataclass(frozen=True)
class Figure:
    """Lines, or bars that lie on their side (y then runs to the right, with the categories x one below the other).

    key: names its file, only letters, digits, "-" and "_". note: a sentence under the figure on what it is made of.
    """

    key: str
    title: str
    x_title: str
    y_title: str
    series: Sequence[Series]
    levels: Sequence[Level] = ()
    log_x: bool = False
    log_y: bool = False
    bars: bool = False
    note: str = ""

    def plotly(self) -> dict[str, Any]:
        """{"data", "layout"} for `Plotly.newPlot`, of JSON's types only.

        The background is transparent and no text colour is set (`layout.font.color`): the page chooses.
        """
        x_axis = _axis(self.x_title, self.log_x)
        y_axis = _axis(self.y_title, self.log_y)
        if self.bars:
            x_axis, y_axis = y_axis, {**x_axis, "autorange": "reversed", "showgrid": False}  # the first one on top
        layout = {
            "title": {"text": self.title, "x": 0.5, "xanchor": "center"},
            "xaxis": x_axis,
            "yaxis": y_axis,
            "shapes": [_line(level) for level in self.levels],
            "annotations": [self._line_name(level) for level in self.levels],
            "showlegend": not self.bars,
            "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "xanchor": "left"},
            "margin": {"l": 70, "r": 20, "t": 50, "b": 60},
            "hovermode": "closest",
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
        }
        return {"data": [self._trace(series) for series in self.series], "layout": layout}

    def matplotlib(self) -> Drawing:
        """The figure, not tied to a window. Raises `Unavailable` without matplotlib."""
        from .drawing import draw

        return draw(self)

    def _trace(self, series: Series) -> dict[str, Any]:
        style = series.style
        trace: dict[str, Any] = {"name": series.name, "x": list(series.x), "y": list(series.y)}
        if self.bars:
            trace |= {"type": "bar", "orientation": "h", "x": trace["y"], "y": trace["x"]}
            trace["marker"] = {"color": style.colour}
            trace |= {"text": [f"{y:+.1f}" for y in series.y], "textposition": "inside", "insidetextanchor": "start"}
        else:
            line = {"color": style.colour, "width": style.width, "dash": style.dash}
            trace |= {"type": "scatter", "mode": "lines+markers" if style.marker else "lines", "line": line}
            trace["marker"] = {"color": style.colour, "symbol": style.marker or "circle", "size": 5 + style.width}
        if series.low:
            below, above = series.errors()
            trace["error_x" if self.bars else "error_y"] = {
                "type": "data",
                "array": above,
                "arrayminus": below,
                "color": "gray" if self.bars else style.colour,
                "thickness": 1.2,
                "width": 4,
            }
        if series.labels:
            trace["hovertext"] = list(series.labels)
            trace["hovertemplate"] = "%{hovertext}<extra>%{fullData.name}</extra>"
        return trace

    def _line_name(self, level: Level) -> dict[str, Any]:
        y = math.log10(level.y) if self.log_y else level.y  # plotly wants a place of annotations in the axis' terms
        place = {"xref": "paper", "x": 1, "xanchor": "right", "y": y, "yanchor": "bottom"}
        return {**place, "text": level.name, "showarrow": False}


def _axis(title: str, log: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": title}, "gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}
    return {**axis, "type": "log", "minorloglabels": "complete"} if log else axis  # 0.2 and 0.5, not 2 and 5


def _line(level: Level) -> dict[str, Any]:
    line = {"color": "gray", "width": 1.4, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level.y, "y1": level.y, "line": line}
