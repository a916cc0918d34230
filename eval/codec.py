"""What an evaluation measures: anything that turns a signal into the bytes of a file and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .sample import Media


@dataclass(frozen=True)
class Codec:
    """A codec with the settings it is measured at.

    media: what it codes. encode: a signal (see `sample.Signal`) and a setting -> the bytes of a whole file; decode:
    those bytes -> a signal. Audio may come back at another sampling rate or length: the runner fits it to the
    original. versions: of all that decides the bytes. suffix: of such files, ".jpg". about: how it is run, in words.
    """

    name: str
    media: Media
    settings: Sequence[float]
    encode: Callable[[Any, float], bytes]
    decode: Callable[[bytes], Any]
    versions: dict[str, str]
    suffix: str
    about: str = ""
