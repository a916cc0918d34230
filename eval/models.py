"""kodek's own codecs as an evaluation measures them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from kodek.codecs import zoo
from kodek.datasets import Audio, resample

from .codec import Codec
from .errors import EvalError
from .sample import Media

if TYPE_CHECKING:
    from kodek.codecs.audio.codec import AudioCodec
    from kodek.codecs.image.codec import ImageCodec

DEFAULT = {Media.IMAGE: "image-hyperprior", Media.AUDIO: "audio-rvq"}
QUALITIES = tuple(range(0, 101, 10))
Functions = tuple[Callable[[Any, float], bytes], Callable[[bytes], Any]]  # `Codec.encode`, `Codec.decode`
KILOBITS = (1.5, 3, 6, 12)  # per second, of all channels: the settings of conventional audio codecs as well


def kodek_codec(model: str, device: str = "cpu") -> Codec:
    """A model by name or path, named as the model. Settings are the quality of pictures, and of sound the kbit/s that
    a file has at most, and nearly. Raises CodecError.
    """
    entry = find_model(model)
    media = media_of(entry)
    settings: Sequence[float] = KILOBITS if media is Media.AUDIO else QUALITIES[:1] if entry.single_rate else QUALITIES
    encode, decode = _sound(entry, device) if media is Media.AUDIO else _pictures(entry, device)
    versions = {"kodek": version("kodek"), "generation": entry.generation.hex(), "torch": version("torch")}
    return Codec(entry.name, media, settings, encode, decode, versions, ".kdk", f"kodek, weights {entry.name}")


def encode_audio(codec: AudioCodec, audio: Audio, **rate: float) -> bytes:
    """A whole file. rate: `stages` or `target_kbps`. Raises CodecError."""
    from kodek.codecs.audio.file import AudioEncoder

    channels, length = audio.samples.shape
    encoder = AudioEncoder(codec, channels, audio.rate, **rate)  # type: ignore[arg-type]
    encoder.push(resample(audio, codec.rate).samples)
    return encoder.finish(length)


def decode_audio(data: bytes, device: str = "cpu") -> Audio:
    """Its sound, at its own rate and of its own length. Raises CodecError."""
    from kodek.codecs.audio.file import AudioDecoder

    decoder = AudioDecoder(data, device=device)
    header, pieces = decoder.header, list(decoder)
    found = resample(Audio(np.concatenate(pieces, axis=1), decoder.rate), header.rate)
    return Audio(np.ascontiguousarray(found.samples[:, : header.length]), header.rate)


def load_model(model: str | None = None, device: str = "cpu") -> tuple[zoo.ModelEntry, ImageCodec]:
    """`find_model` of pictures, and the codec with its weights. Raises CodecError or EvalError."""
    entry = find_model(model, Media.IMAGE)
    from kodek.codecs.image.file import load_codec

    return entry, load_codec(str(entry.path), device)


def find_model(model: str | None = None, media: Media | None = None) -> zoo.ModelEntry:
    """By name or path, the newest that codes `media` if None; from now on its files can be decoded here.

    Raises CodecError, EvalError for a model that codes something else than `media`.
    """
    entry = zoo.newest(DEFAULT[media or Media.IMAGE]) if model is None else zoo.find(model)
    if media is not None and media_of(entry) is not media:
        raise EvalError(f"{entry.name} does not code {media}, which this measures.")
    # a model that is named by its path may lie outside of the folders that a decoder searches
    folder, searched = str(entry.path.parent.resolve()), os.environ.get("KODEK_MODELS", "")
    if folder not in searched.split(os.pathsep):
        os.environ["KODEK_MODELS"] = os.pathsep.join(filter(None, (folder, searched)))
    return entry


def media_of(entry: zoo.ModelEntry) -> Media:
    return Media(entry.kind)


def _pictures(entry: zoo.ModelEntry, device: str) -> Functions:
    from kodek.codecs.image.file import decode_image, encode_image, load_codec

    codec = load_codec(str(entry.path), device)
    return (
        lambda pixels, quality: encode_image(codec, pixels, quality=quality),
        lambda data: np.asarray(decode_image(data, device=device).pixels),
    )


def _sound(entry: zoo.ModelEntry, device: str) -> Functions:
    from kodek.codecs.audio.file import load_codec

    codec = load_codec(str(entry.path), device)
    return lambda audio, kilobits: encode_audio(codec, audio, target_kbps=kilobits), lambda data: decode_audio(
        data, device
    )
