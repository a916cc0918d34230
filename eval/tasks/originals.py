"""What a judge finds in an original, kept while the settings of the codecs are measured on the same file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from ..sample import Sample, Signal

T = TypeVar("T")

KEPT = 1024  # verdicts are small: a text, a class, some embeddings


def remembered(judge: Callable[[Signal], T]) -> Callable[[Sample], T]:
    """The judge of signals as one of originals that remembers its last verdicts, by the name of the sample."""
    verdicts: OrderedDict[str, T] = OrderedDict()

    def of_original(sample: Sample) -> T:
        if sample.name not in verdicts:
            verdicts[sample.name] = judge(sample.signal)
            if len(verdicts) > KEPT:
                verdicts.popitem(last=False)
        verdicts.move_to_end(sample.name)
        return verdicts[sample.name]

    return of_original
