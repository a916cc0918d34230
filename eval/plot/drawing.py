"""A figure drawn by matplotlib, for papers and README files."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from ..errors import Unavailable
from .figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_MARKERS = dict(
    zip(("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross"), "osD^vXP", strict=True)
)
_DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
_LEVEL = "#555555"


def draw(figure: Figure) -> Drawing:
    """See `Figure.matplotlib`."""
    try:
        from matplotlib.figure import Figure as Drawing
    except ModuleNotFoundError as error:
        raise Unavailable("Plots need matplotlib: pip install 'kodek[eval]'.") from error
    height = 1.6 + 0.42 * sum(len(series.x) for series in figure.series) if figure.bars else 4.8
    drawing = Drawing(figsize=(7.6, height), dpi=150, layout="constrained")
    axes = drawing.add_subplot()
    axes.set_title(_plain(figure.title), fontsize=12)
    axes.grid(True, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if figure.bars:
        _bars(axes, figure)
    else:
        _lines(axes, figure)
    if figure.note:
        drawing.text(0.01, 0, _plain(textwrap.fill(figure.note, 120)), fontsize=7, color=_LEVEL, va="top")
    return drawing


def picture(figure: Figure, kind: str) -> bytes:
    """A file of the figure, "png" or "svg"; the same bytes for the same figure. Raises `Unavailable`."""
    drawing = draw(figure)
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": figure.key, "svg.fonttype": "none"}):  # text stays text
        metadata = {"Date": None} if kind == "svg" else {}
        drawing.savefig(file, format=kind, bbox_inches="tight", metadata=metadata)
    return file.getvalue()


def _lines(axes: Axes, figure: Figure) -> None:
    for series in figure.series:
        style = series.style
        axes.errorbar(
            series.x,  # type: ignore[arg-type]
            series.y,
            yerr=series.errors() if series.low else None,
            label=_plain(series.name),
            color=style.colour,
            linewidth=style.width,
            linestyle=_DASHES[style.dash],
            marker=_MARKERS.get(style.marker, ""),
            markersize=4 + style.width,
            markeredgecolor="white",
            markeredgewidth=0.6,
            capsize=3,
            elinewidth=1.1,
            zorder=style.width,  # the thick one on top
        )
    levels = [
        axes.axhline(level.y, color=_LEVEL, linewidth=1.2, linestyle="--", label=_plain(level.name), zorder=1)
        for level in figure.levels
    ]
    axes.set(xlabel=_plain(figure.x_title), ylabel=_plain(figure.y_title))
    for log, axis, scale in ((figure.log_x, axes.xaxis, axes.set_xscale), (figure.log_y, axes.yaxis, axes.set_yscale)):
        if log:
            from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

            scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
    if len(figure.series) + len(figure.levels) > 1:
        handles, names = axes.get_legend_handles_labels()
        order = sorted(range(len(names)), key=lambda number: handles[number] in levels)  # the levels last
        axes.figure.legend(
            [handles[number] for number in order],
            [names[number] for number in order],
            loc="outside right upper",
            frameon=False,
            fontsize=9,
        )


def _bars(axes: Axes, figure: Figure) -> None:
    for series in figure.series:
        bars = axes.barh(
            [_plain(str(x)) for x in series.x],
            series.y,
            xerr=series.errors() if series.low else None,
            color=series.style.colour,
            height=0.62,
            capsize=3,
        )
        axes.bar_label(bars, labels=[f"{y:+.1f}" for y in series.y], padding=6, fontsize=9)
    axes.axvline(0, color=_LEVEL, linewidth=1)
    axes.margins(x=0.16)  # room for the numbers
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set(xlabel=_plain(figure.y_title), ylabel=_plain(figure.x_title))


def _plain(text: str) -> str:
    """matplotlib takes what stands between dollars for a formula."""
    return text.replace("$", r"\$")
