"""Quantisers beside each other at equal rates, of equal short trainings: `kodek bench quantisers`.

Each model codes the same sounds to the same kbit/s, as far as it reaches; values are those of a `kodek eval` into the
folder `measured`, which `kodek report` also reads. Perplexities are of all stages over the same sounds (see `codes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Data
from ..errors import EvalError
from ..measures import find_meter
from ..models import find_model
from ..results import Results
from ..runner import Progress, Run
from ..sample import Media
from . import codes

KILOBITS = (0.75, 1.5, 3.0, 5.0)
MEASURES = ("mel", "stoi", "pesq")
RESULTS = "measured"


def run(
    models: Sequence[Path],
    data: str,
    out: Path,
    *,
    kilobits: Sequence[float] = KILOBITS,
    measures: Sequence[str] = MEASURES,
    jobs: int | None = None,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure the models of sound in these folders on the sounds of `data`, at kbit/s that files have at most.

    jobs: processes that measure. Returns `members`, each with its `name`, `points` (setting -> true kbit/s and the
    value of each measure), `perplexity` (mean over stages, 0 to 1) and number of `stages`. Raises EvalError,
    MediaError or CodecError.
    """
    entries = [find_model(str(model), Media.AUDIO) for model in models]
    settings = ":".join(f"{rate:g}" for rate in kilobits)
    sounds = Data(data, Media.AUDIO)
    outcome = Run(sounds, out / RESULTS, [f"{model}@{settings}" for model in models], measures, jobs, 0)(progress)
    if not outcome.measured:
        raise EvalError("; ".join([*(row["error"] for row in outcome.errors), *outcome.unreadable.values()]))
    results = Results.load([out / RESULTS])
    names = [measure.name for meter in measures for measure in find_meter(meter).measures]
    members = []
    for entry in entries:
        points: dict[str, dict[str, float]] = {}
        for name in names:
            for point in results.curve(entry.name, name):
                points.setdefault(f"{point.setting:g}", {"rate": point.rate})[name] = point.value
        stages = codes.run(data, str(entry.path), [])["stages"]
        perplexity = float(np.mean([stage["perplexity"] for stage in stages]))
        members.append({"name": entry.name, "points": points, "perplexity": perplexity, "stages": len(stages)})
    titles = {measure.name: measure.title for measure in results.measures}
    return {"data": data, "files": len(sounds.names), "measures": titles, "members": members}


def report(result: dict[str, Any]) -> str:
    titles = result["measures"]
    lines = [
        f"Means over {result['files']} files of {result['data']}, at most the kbit/s of the setting",
        f"{'quantiser':<16}{'stages':>7}{'perplexity':>11}{'setting':>9}{'kbit/s':>8}"
        + "".join(f"{title:>{len(title) + 3}}" for title in titles.values()),
    ]
    for member in result["members"]:
        head = f"{member['name']:<16}{member['stages']:>7}{member['perplexity']:>11.0%}"
        for setting, point in sorted(member["points"].items(), key=lambda item: float(item[0])):
            values = "".join(f"{point[name]:>{len(title) + 3}.3f}" for name, title in titles.items() if name in point)
            lines.append(f"{head}{setting:>9}{point['rate']:>8.2f}{values}")
            head = " " * len(head)
    return "\n".join(lines)
