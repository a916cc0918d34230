"""Figures of results and of training runs, for matplotlib, plotly and the report alike."""

from __future__ import annotations

from .curves import figures
from .figure import Figure, Level, Series
from .palette import Style, styles
from .training import is_run, training_figures

__all__ = ["Figure", "Level", "Series", "Style", "figures", "is_run", "styles", "training_figures"]
