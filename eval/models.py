"""kodek's own codecs as an evaluation measures them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from kodek.codecs import zoo

from .codec import Codec
from .sample import Media

if TYPE_CHECKING:
    from kodek.codecs.image.codec import ImageCodec

IMAGE_CODEC = "image-hyperprior"
QUALITIES = tuple(range(0, 101, 10))


def kodek_codec(model: str | None = None, qualities: Sequence[float] = QUALITIES, device: str = "cpu") -> Codec:
    """A model of the zoo (the newest if None) or a path to one, named as the model. Raises CodecError."""
    entry, codec = load_model(model, device)
    from kodek.codecs.image.file import decode_image, encode_image

    return Codec(
        entry.name,
        Media.IMAGE,
        qualities[:1] if entry.single_rate else qualities,
        lambda pixels, quality: encode_image(codec, pixels, quality=quality),
        lambda data: np.asarray(decode_image(data, device=device).pixels),
        {"kodek": version("kodek"), "generation": entry.generation.hex(), "torch": version("torch")},
        ".kdk",
        f"kodek, weights {entry.name}",
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
