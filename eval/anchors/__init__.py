"""Conventional codecs to compare with: each the real program, run at the strongest reasonable settings.

`ANCHORS` holds a factory per name, which raises `Unavailable` where this machine lacks the program, an encoder in it
or the weights.
"""

from __future__ import annotations

from collections.abc import Callable

from ..codec import Codec
from ..errors import EvalError
from . import audio, learned, pillow, stills, video

ANCHORS: dict[str, Callable[[], Codec]] = {
    **pillow.CODECS,
    **stills.CODECS,
    **video.CODECS,
    **audio.CODECS,
    **learned.CODECS,
}


def anchor(name: str) -> Codec:
    """Raises EvalError when there is no such anchor, Unavailable when this machine lacks it."""
    if name not in ANCHORS:
        raise EvalError(f"There is no anchor {name!r}: known are {', '.join(ANCHORS)}.")
    return ANCHORS[name]()
