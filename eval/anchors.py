"""Conventional codecs to compare with, each the real program inside Pillow.

JPEG: optimised Huffman tables, 4:2:0, the smaller of baseline and progressive (its encoding time is that of both).
WebP: method 6 (the slowest). AVIF: speed 6 (libavif's and Pillow's default), 4:2:0.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from .codec import Codec
from .errors import EvalError

# from well below 28 dB on smooth pictures to well above 36 dB on busy ones
JPEG_QUALITIES = (1, 3, 5, 8, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97)
WEBP_QUALITIES = (0, 2, 5, 10, 20, 35, 50, 65, 75, 80, 85, 90, 95, 98)
AVIF_QUALITIES = (1, 5, 10, 15, 25, 35, 45, 55, 65, 75, 85, 92)


def jpeg(qualities: Sequence[float] = JPEG_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        options = {"quality": int(quality), "optimize": True, "subsampling": "4:2:0"}
        return min((_save(pixels, "JPEG", progressive=p, **options) for p in (False, True)), key=len)

    return _pillow("jpeg", qualities, encode, "libjpeg_turbo")


def webp(qualities: Sequence[float] = WEBP_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        return _save(pixels, "WEBP", quality=quality, method=6)

    return _pillow("webp", qualities, encode, "webp")


def avif(qualities: Sequence[float] = AVIF_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        return _save(pixels, "AVIF", quality=int(quality), speed=6, subsampling="4:2:0", codec="aom")

    codec = _pillow("avif", qualities, encode, "avif")
    from PIL import AvifImagePlugin

    codec.versions["aom"] = AvifImagePlugin.get_codec_version("aom") or ""
    if not codec.versions["aom"]:
        raise EvalError("The anchor avif is not available: this Pillow was built without the encoder aom.")
    return codec


ANCHORS: dict[str, Callable[[], Codec]] = {"jpeg": jpeg, "webp": webp, "avif": avif}


def anchor(name: str) -> Codec:
    """Raises EvalError when there is no such anchor, or this Pillow lacks it."""
    if name not in ANCHORS:
        raise EvalError(f"There is no anchor {name!r}: known are {', '.join(ANCHORS)}.")
    return ANCHORS[name]()


def _pillow(name: str, qualities: Sequence[float], encode: Callable[[np.ndarray, float], bytes], feature: str) -> Codec:
    if not features.check(feature):
        raise EvalError(f"The anchor {name} is not available: this Pillow was built without {feature}.")
    versions = {"pillow": PIL.__version__, feature: features.version(feature) or ""}
    return Codec(name, qualities, encode, _decode, versions)


def _save(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
