"""Figures of results and of training runs, for matplotlib, plotly and the report alike."""

from __future__ import annotations

from .figure import Figure, Level, Series
from .palette import Style, styles

__all__ = ["Figure", "Level", "Series", "Style", "styles"]
