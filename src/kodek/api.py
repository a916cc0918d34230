"""The Python face for pictures: pictures of any kind <-> the bytes of a .kdk file; and models by name or path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from kodek.codecs import zoo
from kodek.codecs.container import Bytes, Limits
from kodek.codecs.errors import UnsupportedError
from kodek.codecs.header import Kind
from kodek.codecs.image.area import Region
from kodek.datasets import Picture

from . import arrays

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from kodek.codecs.audio.codec import AudioCodec
    from kodek.codecs.image.codec import ImageCodec
    from kodek.codecs.image.file import Progress
    from kodek.codecs.image.target import Target
    from kodek.codecs.target import Found

DEFAULT_CODECS: dict[Kind, str] = {"image": "image-hyperprior", "audio": "audio-rvq"}
_CODED = {"image": "pictures", "audio": "sound"}


def encode(
    image: Image.Image | np.ndarray | torch.Tensor,
    quality: float | None = None,
    model: str | Path | ImageCodec | None = None,
    *,
    target_size: float | None = None,
    target_bpp: float | None = None,
    target_psnr: float | None = None,
    effort: int = 0,
    device: str = "cpu",
) -> bytes:
    """A picture as a .kdk file.

    Args:
        image: a Pillow image (its ICC profile, EXIF and XMP are kept, its pixels turned upright), a numpy
            array H x W or H x W x C, uint8 or uint16, or a float tensor C x H x W in [0, 1]. C is 1 (grey),
            2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha). Alpha is kept without loss.
        quality: 0 to 100, roughly linear in PSNR; 50 if neither it nor a target is given.
        target_size: in place of a quality: bytes of the file at most, of which it fills 98 % or more where the steps
            of quality are that small; the best quality if even that takes less.
        target_bpp: the same in bits per pixel, of the whole file.
        target_psnr: in place of a quality: dB at least between the samples of `image` and those decoded, in the
            smallest file; colours count alike, alpha doesn't.
        model: a name from the zoo, the path of a weights file, or what `load` returned; the newest if None.
        effort: 0 to 3: the time spent on a smaller file of the same quality, from none to minutes a megapixel.
        device: where the transforms run, as torch names it.

    Raises:
        TypeError, ValueError: `image`, `quality`, `effort` or a target is none of these, or more than one is given.
        TargetError: no quality meets the target; a CodecError.
        CodecError: the model can't be found or read.
        MediaError: a Pillow image that is neither grey nor RGB nor CMYK.
    """
    from kodek.codecs.image.target import Target

    targets = {"size": target_size, "bpp": target_bpp, "psnr": target_psnr}
    target = None if all(value is None for value in targets.values()) else Target(**targets)
    if target is not None and quality is not None:
        raise ValueError("Give a quality or a target, not both.")
    if effort not in range(4):
        raise ValueError("effort must lie between 0 and 3.")
    codec = load_for("image", model, device)
    picture = arrays.to_picture(image)
    if target is not None:
        return encode_to_target(picture, target, codec, effort).data
    return encode_picture(picture, 50.0 if quality is None else quality, codec, effort)


@overload
def decode(
    data: bytes, as_: Literal["pil"] = "pil", *, region: Region | None = ..., max_pixels: int = ..., device: str = ...
) -> Image.Image: ...
@overload
def decode(
    data: bytes, as_: Literal["numpy"], *, region: Region | None = ..., max_pixels: int = ..., device: str = ...
) -> np.ndarray: ...
@overload
def decode(
    data: bytes, as_: Literal["tensor"], *, region: Region | None = ..., max_pixels: int = ..., device: str = ...
) -> torch.Tensor: ...
def decode(
    data: bytes,
    as_: Literal["pil", "numpy", "tensor"] = "pil",
    *,
    region: Region | None = None,
    max_pixels: int = Limits.max_pixels,
    device: str = "cpu",
) -> Image.Image | np.ndarray | torch.Tensor:
    """The picture in a .kdk file.

    Args:
        data: the whole file.
        as_: ``"pil"``: a Pillow image with its metadata in `info` (16-bit colour is rounded to 8 bits, which
            is what Pillow holds); ``"numpy"``: H x W x C, uint8 or uint16; ``"tensor"``: C x H x W, float32
            in [0, 1]. Alpha is the last channel.
        region: x, y, width and height in pixels: only this part of the picture, from the tiles that it touches. Damage
            elsewhere in the file goes unnoticed.
        max_pixels: files that claim more are refused before anything is allocated.

    Raises:
        CodecError: not a .kdk file, damaged, too large, or its weights are not here.
        ValueError: `as_` is none of the three, or the region is not inside of the picture.
    """
    if as_ not in ("pil", "numpy", "tensor"):
        raise ValueError(f"as_ is 'pil', 'numpy' or 'tensor', not {as_!r}.")
    picture = decode_picture(data, Limits(max_pixels=max_pixels), device, region)
    if as_ == "pil":
        return arrays.to_pil(picture)
    return arrays.to_numpy(picture) if as_ == "numpy" else arrays.to_tensor(picture)


def open(path: str | os.PathLike[str]) -> Image.Image:
    """The picture in the .kdk file at `path` as a Pillow image: `decode` of its bytes.

    Raises:
        OSError: the file can't be read.
        CodecError: as `decode`.
    """
    return decode(Path(path).read_bytes())


def load(model: str | Path | None = None, device: str = "cpu") -> ImageCodec | AudioCodec:
    """The codec with the weights of that name or path, or with the newest of pictures; asked again, the same object.

    Raises:
        CodecError: there are no such weights.
    """
    kind = "image" if model is None else zoo.find(str(model)).kind
    return load_for(kind, model, device)


def find_model(kind: Kind, model: str | Path | None = None) -> zoo.ModelEntry:
    """The model of that name or path, or the newest that codes this kind of media.

    Raises:
        CodecError: there is none, or it codes something else.
    """
    if model is None:
        return zoo.newest(DEFAULT_CODECS[kind])
    entry = zoo.find(str(model))
    if entry.kind != kind:
        raise UnsupportedError(f"The model {entry.name} codes {_CODED[entry.kind]}, not {_CODED[kind]}.")
    return entry


@overload
def load_for(kind: Literal["image"], model: str | Path | ImageCodec | None, device: str) -> ImageCodec: ...
@overload
def load_for(kind: Literal["audio"], model: str | Path | AudioCodec | None, device: str) -> AudioCodec: ...
@overload
def load_for(kind: Kind, model: str | Path | None, device: str) -> ImageCodec | AudioCodec: ...
def load_for(kind: Kind, model: Any, device: str) -> Any:
    """The codec with the weights that `find_model` finds; a codec is returned as it is."""
    if model is not None and not isinstance(model, str | Path):
        return model
    entry = find_model(kind, model)
    if kind == "audio":
        from kodek.codecs.audio.file import load_codec as load_audio

        return load_audio(str(entry.path), device)
    from kodek.codecs.image.file import load_codec

    return load_codec(str(entry.path), device)


def encode_picture(
    picture: Picture, quality: float, codec: ImageCodec, effort: int = 0, progress: Progress | None = None
) -> bytes:
    """A `Picture`, with its alpha and metadata, as a .kdk file."""
    from kodek.codecs.image.file import encode_image

    options = {"effort": effort, "progress": progress, **_beside_pixels(picture)}
    return encode_image(codec, picture.pixels, quality=quality, **options)


def encode_to_target(
    picture: Picture, target: Target, codec: ImageCodec, effort: int = 0, progress: Progress | None = None
) -> Found:
    """The same at the quality that meets a target. Raises TargetError."""
    from kodek.codecs.image.file import ImageEncoder
    from kodek.codecs.image.target import encode_to

    encoder = ImageEncoder(codec, picture.pixels, effort=effort, progress=progress, **_beside_pixels(picture))
    return encode_to(encoder, picture.pixels, target)


def decode_picture(data: Bytes, limits: Limits, device: str = "cpu", region: Region | None = None) -> Picture:
    """The `Picture` in a .kdk file, or a region of it."""
    from kodek.codecs.image.file import decode_image

    decoded = decode_image(data, limits=limits, device=device, region=region)
    return Picture(decoded.pixels, decoded.alpha, decoded.icc, decoded.exif, decoded.xmp)


def _beside_pixels(picture: Picture) -> dict[str, Any]:
    return {"alpha": picture.alpha, "icc": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
