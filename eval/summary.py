"""Results as text: mean curves, then the BD-rate of every codec against every other."""

from __future__ import annotations

from .bd import INTERVAL, Interval, bd_rate, per_file
from .comparison import PART, curves_by_file
from .errors import EvalError
from .results import Results


def summary(results: Results, interval: Interval = INTERVAL) -> str:
    """interval: of the BD-rate, in dB of PSNR-RGB."""
    lines = []
    for codec in results.codecs:
        lines += [*_curve(results, codec), ""]
    levels = [(measure.title, results.level(measure.name), measure.unit) for measure in results.tasks]
    if levels:
        shown = (f"{title} {level:.4g} {unit}".rstrip() for title, level, unit in levels if level is not None)
        lines += [f"the originals: {', '.join(shown)}", ""]
    if len(results.codecs) > 1 and any(measure.name == "psnr" for measure in results.measures):
        lines.append(f"BD-rate in % over {interval[0]:g} to {interval[1]:g} dB PSNR-RGB (pchip; negative: fewer bytes)")
        lines.append(f"{'codec':<24}{'against':<24}{'mean curve':>11}{'per file':>18}{'where covered':>18}")
        lines += [_comparison(results, a, b, interval) for b in results.codecs for a in results.codecs if a != b]
    return "\n".join(lines).rstrip()


def _curve(results: Results, codec: str) -> list[str]:
    curves = {measure: results.curve(codec, measure.name) for measure in results.measures}
    files = max((point.n for curve in curves.values() for point in curve), default=0)
    lines = [f"{codec}: means over {files} files"]
    heads = (f"{f'{measure.title} {measure.unit}'.rstrip():>{_width(measure.title)}}" for measure in curves)
    lines.append(f"{'setting':>9}{results.rate_unit:>10}{''.join(heads)}{'enc s':>9}{'dec s':>9}")
    rates = {point.setting: point.rate for curve in curves.values() for point in curve}
    for setting, rate in sorted(rates.items(), key=lambda item: item[1]):
        cells = ""
        for measure, curve in curves.items():
            value = next((f"{point.value:.4f}" for point in curve if point.setting == setting), "-")
            cells += f"{value:>{_width(measure.title)}}"
        seconds = results.seconds(codec, setting)
        times = "".join(f"{second:>9.3f}" for second in seconds) if seconds else f"{'-':>9}{'-':>9}"
        lines.append(f"{setting:>9g}{rate:>10.4f}{cells}{times}")
    return lines


def _width(title: str) -> int:
    return max(10, len(title) + 6)


def _comparison(results: Results, codec: str, anchor: str, interval: Interval) -> str:
    head = f"{codec:<24}{anchor:<24}"
    curve, reference = ([(p.rate, p.value) for p in results.curve(name, "psnr")] for name in (codec, anchor))
    single, others = (curves_by_file(results, name, "psnr") for name in (codec, anchor))
    try:
        average = f"{bd_rate(curve, reference, interval):+.2f}"
    except EvalError as reason:
        return f"{head}  none: {reason}"
    found = [per_file(single, others, interval), per_file(single, others, interval, part=PART)]
    cells = (f"{p.mean:+.2f} ({len(p.rates)}/{len(p.rates) + len(p.missing)})" for p in found)
    return f"{head}{average:>11}" + "".join(f"{cell:>18}" for cell in cells)
