"""Pillow images, numpy arrays and tensors <-> `Picture`; arrays and tensors to samples of sound."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from kodek.datasets import Picture
from kodek.datasets.exif import orientation, reset_orientation, reset_xmp_orientation, upright
from kodek.datasets.samples import from_pillow, split_alpha

if TYPE_CHECKING:
    import torch

_EXIF = b"Exif\0\0"  # Pillow's convention is to keep this in front
_TOLERANCE = 1e-3  # float images overshoot a little; 0..255 in place of 0..1 does not


def to_picture(image: Any) -> Picture:
    """A Pillow image, uint8 or uint16 array H x W (x C), or float tensor C x H x W in [0, 1], as a `Picture`.

    C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha; CMYK goes through Pillow).
    A tensor is rounded to 8 bits.

    Raises:
        TypeError: another type, or another dtype.
        ValueError: another shape, or values outside [0, 1].
    """
    if isinstance(image, Image.Image):
        return _from_pil(image)
    torch = sys.modules.get("torch")  # who holds a tensor has imported torch
    if torch is not None and isinstance(image, torch.Tensor):
        return _from_samples(_tensor_samples(image))
    if isinstance(image, np.ndarray):
        return _from_samples(image)
    raise TypeError(f"An image is a Pillow image, a numpy array or a torch tensor, not {type(image).__name__}.")


def to_pil(picture: Picture) -> Image.Image:
    """As a Pillow image with its metadata in `info`.

    Pillow holds 16 bits for grey without alpha only: other 16-bit pictures are rounded to 8 bits.

    Raises:
        ValueError: CMYK with alpha, which Pillow can't hold.
    """
    if picture.mode == "CMYK" and picture.alpha is not None:
        raise ValueError("Pillow can't hold CMYK with alpha: decode to numpy.")
    samples = to_numpy(picture)
    if picture.depth == 16 and samples.shape[2] > 1:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(samples[:, :, 0]) if samples.shape[2] == 1 else _many_channels(samples, picture)
    if picture.icc:
        image.info["icc_profile"] = picture.icc
    if picture.exif:
        image.info["exif"] = _EXIF + picture.exif
    if picture.xmp:
        image.info["xmp"] = picture.xmp
    return image


def to_numpy(picture: Picture) -> np.ndarray:
    """H x W x C, uint8 or uint16, alpha last where there is one."""
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[:, :, None]], axis=2)


def to_tensor(picture: Picture) -> "torch.Tensor":
    """C x H x W, float32 in [0, 1], alpha last where there is one."""
    import torch

    samples = to_numpy(picture)
    planes = torch.from_numpy(samples.transpose(2, 0, 1).astype(np.float32))
    return planes / float(np.iinfo(samples.dtype).max)


def to_samples(sound: Any) -> np.ndarray:
    """A floating-point array or tensor [channels, n], or [n] of one channel, as float32 [channels, n].

    Raises:
        TypeError: another type, or another dtype.
        ValueError: another shape, or a value that is no finite number.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(sound, torch.Tensor):
        sound = sound.detach().cpu()
        sound = sound.float().numpy() if sound.is_floating_point() else sound.numpy()
    if not isinstance(sound, np.ndarray):
        raise TypeError(f"Sound is a numpy array or a torch tensor, not {type(sound).__name__}.")
    if sound.dtype.kind != "f":
        raise TypeError(f"Samples of sound are floating point, full scale is -1 to 1, not {sound.dtype}.")
    if sound.ndim not in (1, 2):
        raise ValueError(f"Sound is [channels, samples] or [samples], not {sound.shape}.")
    if not np.isfinite(sound).all():
        raise ValueError("The samples of sound are finite numbers.")
    return np.atleast_2d(sound).astype(np.float32)


def _from_pil(image: Image.Image) -> Picture:
    if image.mode.startswith("I;16"):
        pixels, alpha = np.asarray(image).astype(np.uint16)[:, :, None], None
    else:
        pixels, alpha = from_pillow(image, "The image")
    info = image.info
    exif = (info.get("exif") or b"").removeprefix(_EXIF)
    xmp, icc = info.get("xmp") or None, info.get("icc_profile") or None
    turned = orientation(exif)
    if turned != 1:
        exif, xmp = reset_orientation(exif), reset_xmp_orientation(xmp) if xmp else None
        pixels, alpha = upright(pixels, turned), None if alpha is None else upright(alpha, turned)
    return Picture(pixels, alpha, icc, exif or None, xmp)


def _from_samples(samples: np.ndarray) -> Picture:
    if samples.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"An array of samples is uint8 or uint16, not {samples.dtype}.")
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(f"An array of samples is H x W or H x W x 1 to 4, not {samples.shape}.")
    return Picture(*split_alpha(samples, samples.ndim == 3 and samples.shape[2] in (2, 4)))


def _tensor_samples(image: "torch.Tensor") -> np.ndarray:
    if not image.is_floating_point():
        raise TypeError(f"A tensor is floating point in [0, 1], not {image.dtype}.")
    if image.ndim != 3 or image.shape[0] not in (1, 2, 3, 4):
        raise ValueError(f"A tensor is C x H x W with 1 to 4 channels, not {tuple(image.shape)}.")
    values = image.detach().cpu().float().numpy()
    if values.size and not (values.min() >= -_TOLERANCE and values.max() <= 1 + _TOLERANCE):
        raise ValueError("The values of a tensor lie in [0, 1].")
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def _many_channels(samples: np.ndarray, picture: Picture) -> Image.Image:
    mode = picture.mode if picture.alpha is None else picture.mode + "A"
    return Image.frombytes(mode, (picture.width, picture.height), np.ascontiguousarray(samples).tobytes())
