"""Writing pictures: PNG, JPEG, WebP, AVIF, TIFF, BMP, PGM and PPM, each with all it can hold."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from .errors import MediaWriteError
from .exif import drop_orientation
from .files import atomic_write
from .picture import Picture
from .write_png import write_deep_png
from .write_tiff import write_tiff


@dataclass(frozen=True)
class _Format:
    """What a format can hold."""

    modes: tuple[str, ...] = ("L", "RGB")
    depths: tuple[int, ...] = (8,)
    alpha: bool = False
    metadata: bool = True  # ICC profile, EXIF and XMP
    largest_side: int = (1 << 31) - 1
    quality: bool = False


_FORMATS = {
    "PNG": _Format(depths=(8, 16), alpha=True),
    "JPEG": _Format(modes=("L", "RGB", "CMYK"), largest_side=65500, quality=True),
    "WEBP": _Format(alpha=True, largest_side=16383, quality=True),
    "AVIF": _Format(alpha=True, largest_side=32768, quality=True),
    "TIFF": _Format(modes=("L", "RGB", "CMYK"), depths=(8, 16), alpha=True),
    "BMP": _Format(metadata=False),
    "PPM": _Format(depths=(8, 16), metadata=False),
}
_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".pgm": "PPM",
    ".ppm": "PPM",
}
WRITABLE_SUFFIXES = frozenset(_SUFFIXES)
_MAX_JPEG_EXIF, _MAX_JPEG_XMP = 65533 - 6, 65533 - 29  # one segment less its header
_JPEG_QUALITY, _AVIF_QUALITY = 95, 90


def write_picture(
    target: str | Path | BinaryIO,
    picture: Picture,
    format: str | None = None,
    quality: int | None = None,
) -> list[str]:
    """Write a picture; a path appears whole or not at all, and replaces what was there.

    Args:
        target: a path, or a binary stream (it need not be seekable and is not closed).
        picture: what to write. Alpha that is opaque everywhere is left out where the format has none.
        format: ``"PNG"``, ``"JPEG"``, ``"WEBP"``, ``"AVIF"``, ``"TIFF"``, ``"BMP"`` or ``"PPM"`` (grey:
            PGM), or a suffix such as ``".png"``. By default the suffix of `target` decides.
        quality: 0..100, for JPEG (95 unless given; always 4:4:4), AVIF (90) and WebP (lossless unless given).

    Returns:
        What the format could not keep of the metadata, each a phrase such as ``"EXIF"``.

    Raises:
        MediaWriteError: the format is not known or can't hold the picture's mode, depth, alpha or size,
            or the destination doesn't take the file.
    """
    name = str(target) if isinstance(target, str | Path) else "The output"
    kind = _kind(name, target, format)
    picture = _fitting(picture, kind, name, quality)
    # In memory first: Pillow doesn't notice when a full disk takes less than it was given.
    encoded = io.BytesIO()
    dropped = _encode(encoded, picture, kind, name, quality)
    if isinstance(target, str | Path):
        with atomic_write(target) as file:
            file.write(encoded.getbuffer())
    else:
        target.write(encoded.getbuffer())
    return dropped


def _kind(name: str, target: str | Path | BinaryIO, format: str | None) -> str:
    suffix = (format or (Path(target).suffix if isinstance(target, str | Path) else "")).lower()
    kind = _SUFFIXES.get(suffix, suffix.upper())
    if kind not in _FORMATS:
        known = ", ".join(sorted(WRITABLE_SUFFIXES))
        raise MediaWriteError(f"{name} can't be written: the format '{suffix}' is not one of {known}.")
    return kind


def _fitting(picture: Picture, kind: str, name: str, quality: int | None) -> Picture:
    """The picture less alpha that hides nothing; refused if the format can't hold it."""
    can = _FORMATS[kind]
    if quality is not None and not (can.quality and 0 <= quality <= 100):
        what = "a quality is 0 to 100" if can.quality else f"{kind} is lossless and has no quality"
        raise MediaWriteError(f"{name} can't be written: {what}.")
    if picture.mode not in can.modes:
        raise MediaWriteError(f"{name} can't be written: {kind} can't hold {picture.mode}; TIFF can.")
    if picture.depth not in can.depths:
        raise MediaWriteError(f"{name} can't be written: {kind} can't hold 16 bits a sample; PNG and TIFF can.")
    if max(picture.width, picture.height) > can.largest_side:
        raise MediaWriteError(f"{name} can't be written: {kind} can't hold more than {can.largest_side} pixels a side.")
    if picture.alpha is not None and not can.alpha:
        if picture.alpha.min() < np.iinfo(picture.alpha.dtype).max:
            raise MediaWriteError(f"{name} can't be written: {kind} can't hold transparency; PNG and TIFF can.")
        return replace(picture, alpha=None)
    if kind == "WEBP" and picture.mode == "L" and picture.icc:
        raise MediaWriteError(f"{name} can't be written: WEBP can't hold grey with a colour profile; PNG can.")
    return picture


def _encode(file: BinaryIO, picture: Picture, kind: str, name: str, quality: int | None) -> list[str]:
    if kind == "TIFF":
        return write_tiff(file, picture)
    if picture.depth == 16 and kind == "PNG":
        write_deep_png(file, picture)
        return []
    if picture.depth == 16:
        return _write_deep_ppm(file, picture)
    metadata, dropped = _metadata(picture, kind)
    try:
        _to_pillow(picture).save(file, kind, **_options(picture, kind, quality), **metadata)
    except (ValueError, RuntimeError, SyntaxError) as error:
        raise MediaWriteError(f"{name} can't be written as {kind}: {error}.") from error
    return dropped


def _options(picture: Picture, kind: str, quality: int | None) -> dict[str, Any]:
    if kind == "JPEG":
        return {"quality": _JPEG_QUALITY if quality is None else quality, "subsampling": "4:4:4"}
    if kind == "WEBP":
        return {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    options: dict[str, Any] = {}
    if kind == "AVIF":
        options["quality"] = _AVIF_QUALITY if quality is None else quality
        if picture.mode == "RGB" or picture.alpha is not None:
            options["subsampling"] = "4:4:4"
        if picture.alpha is not None:
            options |= {"codec": "aom", "advanced": {"alpha:lossless": "1"}}
    return options


def _metadata(picture: Picture, kind: str) -> tuple[dict[str, Any], list[str]]:
    """Pillow's arguments for what the format can keep, and the names of what it can't."""
    if not _FORMATS[kind].metadata:
        return {}, _names(picture)
    metadata: dict[str, Any] = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    dropped = []
    if kind == "JPEG":
        for key, label, limit in (("exif", "EXIF", _MAX_JPEG_EXIF), ("xmp", "XMP", _MAX_JPEG_XMP)):
            if len(metadata[key] or b"") > limit:
                metadata[key] = None
                dropped.append(f"{label} of more than {limit} bytes")
        if metadata["exif"]:
            metadata["exif"] = b"Exif\0\0" + metadata["exif"]
    if kind == "AVIF" and picture.exif:
        metadata["exif"] = drop_orientation(picture.exif)  # or Pillow rewrites it, and text with it
    if kind == "PNG" and picture.xmp:
        metadata["pnginfo"] = PngImagePlugin.PngInfo()
        metadata["pnginfo"].add_itxt("XML:com.adobe.xmp", picture.xmp)
    return {key: value for key, value in metadata.items() if value}, dropped


def _write_deep_ppm(file: BinaryIO, picture: Picture) -> list[str]:
    magic = b"P5" if picture.mode == "L" else b"P6"
    file.write(magic + b"\n%d %d\n65535\n" % (picture.width, picture.height))
    file.write(picture.pixels.astype(">u2").tobytes())
    return _names(picture)


def _to_pillow(picture: Picture) -> Image.Image:
    samples, mode = picture.pixels, picture.mode
    if picture.alpha is not None:
        samples, mode = np.concatenate([samples, picture.alpha[:, :, None]], 2), mode + "A"
    return Image.frombytes(mode, (picture.width, picture.height), np.ascontiguousarray(samples))


def _names(picture: Picture) -> list[str]:
    parts = {"the colour profile": picture.icc, "EXIF": picture.exif, "XMP": picture.xmp}
    return [name for name, data in parts.items() if data]
