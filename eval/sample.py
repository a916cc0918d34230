"""What is measured: a file of the data, and what a codec made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from kodek.datasets import Audio, Video

Signal = np.ndarray | Audio | Video  # a picture is uint8 [H, W, 3]


class Media(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True)
class Sample:
    """An original. name: relative to the data folder; labels: its line of the folder's `labels.tsv`, by column."""

    name: str
    signal: Signal
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Coded:
    """What a codec made of a sample at a setting: the bytes of a whole file, and the signal that they decode to."""

    codec: str
    setting: float
    data: bytes
    signal: Signal


def media_of(signal: Signal) -> Media:
    if isinstance(signal, Audio):
        return Media.AUDIO
    return Media.VIDEO if isinstance(signal, Video) else Media.IMAGE
