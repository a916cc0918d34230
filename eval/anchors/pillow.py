"""Conventional image codecs inside Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from ..codec import Codec
from ..errors import Unavailable
from ..sample import Media

# from well below 28 dB on smooth pictures to well above 36 dB on busy ones
JPEG_QUALITIES = (1, 3, 5, 8, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93, 95, 97)
WEBP_QUALITIES = (0, 2, 5, 10, 20, 35, 50, 65, 75, 80, 85, 90, 95, 98)
AVIF_QUALITIES = (1, 5, 10, 15, 25, 35, 45, 55, 65, 75, 85, 92)
JPEG2000_DECIBELS = (22, 24, 26, 28, 30, 32, 34, 36, 38, 41, 44)


def jpeg(qualities: Sequence[float] = JPEG_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        options = {"quality": int(quality), "optimize": True, "subsampling": "4:2:0"}
        return min((_save(pixels, "JPEG", progressive=p, **options) for p in (False, True)), key=len)

    about = "Pillow; optimised Huffman tables, 4:2:0, the smaller of baseline and progressive (timed as both)"
    return _pillow("jpeg", qualities, encode, "libjpeg_turbo", ".jpg", about)


def webp(qualities: Sequence[float] = WEBP_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        return _save(pixels, "WEBP", quality=quality, method=6)

    return _pillow("webp", qualities, encode, "webp", ".webp", "Pillow; method 6, the slowest")


def avif(qualities: Sequence[float] = AVIF_QUALITIES) -> Codec:
    def encode(pixels: np.ndarray, quality: float) -> bytes:
        # one thread: libaom's bytes could otherwise depend on the number of cores
        options: dict[str, Any] = {"speed": 6, "subsampling": "4:2:0", "codec": "aom", "max_threads": 1}
        return _save(pixels, "AVIF", quality=int(quality), **options)

    about = "Pillow, libaom; speed 6 (libavif's and Pillow's default), 4:2:0, one thread"
    codec = _pillow("avif", qualities, encode, "avif", ".avif", about)
    from PIL import AvifImagePlugin

    codec.versions["aom"] = AvifImagePlugin.get_codec_version("aom") or ""
    if not codec.versions["aom"]:
        raise Unavailable("The anchor avif is not available: this Pillow was built without the encoder aom.")
    return codec


def jpeg2000(decibels: Sequence[float] = JPEG2000_DECIBELS) -> Codec:
    def encode(pixels: np.ndarray, decibel: float) -> bytes:
        options: dict[str, Any] = {"quality_mode": "dB", "quality_layers": [float(decibel)], "irreversible": True}
        return _save(pixels, "JPEG2000", mct=1, no_jp2=True, **options)

    about = "Pillow, OpenJPEG; a bare codestream, one layer of this PSNR, 9-7 wavelet, colour transform, 4:4:4"
    return _pillow("jpeg2000", decibels, encode, "jpg_2000", ".j2k", about)


CODECS: dict[str, Callable[[], Codec]] = {"jpeg": jpeg, "webp": webp, "avif": avif, "jpeg2000": jpeg2000}


def _pillow(
    name: str,
    settings: Sequence[float],
    encode: Callable[[np.ndarray, float], bytes],
    feature: str,
    suffix: str,
    about: str,
) -> Codec:
    if not features.check(feature):
        raise Unavailable(f"The anchor {name} is not available: this Pillow was built without {feature}.")
    versions = {"pillow": PIL.__version__, feature: features.version(feature) or ""}
    return Codec(name, Media.IMAGE, settings, encode, _decode, versions, suffix, about)


def _save(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
