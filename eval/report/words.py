"""Numbers and results in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..comparison import Comparison
from ..measures import Measure
from ..results import Results, scale
from ..rows import Row
from ..sample import Media

FILES = {Media.IMAGE: "picture", Media.AUDIO: "clip", Media.VIDEO: "video"}


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def number(value: float, measure: Measure) -> str:
    """As many decimals as the field gives: dB 2, percent 1, else 4 significant digits."""
    text = {"dB": f"{value:.2f}", "%": f"{value:.1f}"}.get(measure.unit, f"{value:.4g}")
    return f"{text} {measure.unit}".rstrip()


def shown(row: Row, measures: Sequence[Measure]) -> list[tuple[str, str]]:
    """(title, value) of those measures that a row has a number of."""
    found = []
    for measure in measures:
        value = row["measures"].get(measure.name)
        if isinstance(value, list):
            value = value[0] / value[1] if value[1] else None
        if value is not None:
            found.append((measure.title, number(scale(measure) * value, measure)))
    return found


def leading(results: Results) -> list[Measure]:
    """What is said beside a picture or a player: up to three metrics, one of a family (psnr, psnr_y, ...)."""
    families: dict[str, Measure] = {}
    for measure in results.measures:
        if measure not in results.tasks:
            families.setdefault(measure.name.split("_")[0], measure)
    return list(families.values())[:3]


def signed(percent: float) -> str:
    """With a true minus sign."""
    return f"{percent:+.1f}".replace("-", "\N{MINUS SIGN}")


def span(comparison: Comparison, measure: Measure) -> str:
    low, high = (f"{end:.4g}" for end in comparison.interval)
    return f"{low} to {high} {measure.unit}".rstrip()


def difference(percent: float) -> str:
    """ "48.1 % fewer bits than"."""
    if abs(percent) < 0.05:
        return "as many bits as"
    return f"{abs(percent):.1f} % {'more' if percent > 0 else 'fewer'} bits than"


def measured(results: Results) -> str:
    """What was measured, in a sentence."""
    settings = len({(row["codec"], row["setting"]) for row in results.rows if row["codec"] in results.codecs})
    files = plural(len(results.files), FILES[results.media])
    codecs = ", ".join(results.codecs)
    return f"{files}, {plural(len(results.codecs), 'codec')} ({codecs}) at {settings} settings in all."


def versions(of: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in of.items())


def conventions(results: Results) -> list[str]:
    rates = {
        Media.IMAGE: "Rate: bits of the whole coded file, headers included, divided by the pixels of the picture.",
        Media.AUDIO: "Rate: bits of the whole coded file, headers included, divided by the seconds of the clip.",
        Media.VIDEO: "Rate: bits of the whole coded file, headers included, divided by the seconds of the video.",
    }
    lines = [
        rates[results.media],
        "A point of a curve is the mean over files at one setting, of the rates and of the values; files that one "
        "codec failed on are left out for all.",
        "BD-rate (Bjontegaard, VCEG-M33): the mean difference of log-rate at equal quality over the interval that is "
        "named, by piecewise cubic interpolation (pchip). Mean curve: of the averaged curves. Mean of files: of each "
        "file's own curves where they cover at least half of the interval.",
        "Intervals hold the middle 95 % of 1000 bootstrap resamples of the files.",
    ]
    names = {measure.name for measure in results.measures}
    if "psnr" in names:
        of = "its own planes" if results.media is Media.VIDEO else "the RGB samples"
        lines.insert(1, f"PSNR: of {of} at 8 bits, in dB; the value of a curve is the mean of the files' decibels.")
    if results.tasks:
        lines.append(
            "No judge of a task took part in the training of a kodek codec. Task curves are made monotone by "
            "isotonic regression before rates are compared at equal task quality."
        )
    return lines
