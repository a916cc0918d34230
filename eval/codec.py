"""What a rate-distortion run measures: anything that turns RGB pixels into the bytes of a file and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from kodek.codecs import zoo

if TYPE_CHECKING:
    from kodek.codecs.image.codec import ImageCodec

IMAGE_CODEC = "image-hyperprior"
QUALITIES = tuple(range(0, 101, 10))


@dataclass(frozen=True)
class Codec:
    """A codec with the settings it is measured at.

    encode: uint8 [H, W, 3] and a setting -> the bytes of a whole file; decode: those bytes -> uint8 [H, W, 3].
    versions: of all that decides the bytes. estimate: the length of a file in bytes as the codec's own model has it,
    where it has one.
    """

    name: str
    settings: Sequence[float]
    encode: Callable[[np.ndarray, float], bytes]
    decode: Callable[[bytes], np.ndarray]
    versions: dict[str, str]
    estimate: Callable[[bytes], float] | None = None


def kodek_codec(
    model: str | None = None, qualities: Sequence[float] = QUALITIES, device: str = "cpu", estimate: bool = False
) -> Codec:
    """A model of the zoo (the newest if None) or a path to one, named as the model. Raises CodecError."""
    entry, codec = load_model(model, device)
    from kodek.codecs.image.file import decode_image, encode_image

    from .estimate import estimated_bytes

    return Codec(
        entry.name,
        qualities,
        lambda pixels, quality: encode_image(codec, pixels, quality=quality),
        lambda data: np.asarray(decode_image(data, device=device).pixels),
        {"kodek": version("kodek"), "generation": entry.generation.hex(), "torch": version("torch")},
        (lambda data: estimated_bytes(codec, data)) if estimate else None,
    )


def load_model(model: str | None = None, device: str = "cpu") -> tuple[zoo.ModelEntry, ImageCodec]:
    """`find_model`, and the codec with its weights. Raises CodecError."""
    entry = find_model(model)
    from kodek.codecs.image.file import load_codec

    return entry, load_codec(str(entry.path), device)


def find_model(model: str | None = None) -> zoo.ModelEntry:
    """By name or path, the newest if None; from now on this process and its children decode its files.

    Raises CodecError.
    """
    entry = zoo.newest(IMAGE_CODEC) if model is None else zoo.find(model)
    # a model that is named by its path may lie outside of the folders that a decoder searches
    folder, searched = str(entry.path.parent.resolve()), os.environ.get("KODEK_MODELS", "")
    if folder not in searched.split(os.pathsep):
        os.environ["KODEK_MODELS"] = os.pathsep.join(filter(None, (folder, searched)))
    return entry
