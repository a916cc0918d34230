"""From Pillow's modes to the three that a `Picture` has, with alpha apart."""

import numpy as np
from PIL import Image

from .errors import MediaError

Alpha = np.ndarray | None

_STRAIGHT = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}


def from_pillow(image: Image.Image, name: str, bits: int = 8) -> tuple[np.ndarray, Alpha]:
    """Decode an image of 8 bits a sample or fewer.

    Args:
        bits: of a sample in the file, in which PNG counts its transparent colour.

    Returns:
        H x W x C uint8 and alpha, H x W or None.

    Raises:
        MediaError: the image is neither grey nor RGB nor CMYK, or not of whole numbers.
    """
    image.load()
    key = image.info.get("transparency")
    mode = _STRAIGHT.get(image.mode, image.mode)
    if mode == "P":
        mode = "RGB" if key is None else "RGBA"
    elif mode == "PA":
        mode = "RGBA"
    if mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise MediaError(f"{name} can't be read: its samples are not grey, RGB or CMYK whole numbers ({mode}).")
    samples = np.asarray(image if mode == image.mode else image.convert(mode))
    pixels, alpha = split_alpha(samples, mode in ("LA", "RGBA"))
    if mode in ("L", "RGB") and key is not None:
        alpha = keyed_alpha(pixels, key, bits)
    return pixels, alpha


def split_alpha(samples: np.ndarray, has_alpha: bool) -> tuple[np.ndarray, Alpha]:
    """H x W (x C) with alpha last, or none, to H x W x C and H x W."""
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if not has_alpha:
        return np.ascontiguousarray(samples), None
    return np.ascontiguousarray(samples[:, :, :-1]), np.ascontiguousarray(samples[:, :, -1])


def keyed_alpha(pixels: np.ndarray, key: int | tuple[int, ...], bits: int) -> np.ndarray:
    """Alpha of a picture in which one colour, given in samples of `bits` bits, is transparent."""
    full, largest = int(np.iinfo(pixels.dtype).max), (1 << bits) - 1
    colour = (np.atleast_1d(key) & largest) * (full // largest)
    return np.where((pixels == colour).all(2), 0, full).astype(pixels.dtype)


def unpremultiply(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Divide colours (H x W x C) by alpha (H x W) of the same dtype, rounded; black where alpha is 0."""
    full = int(np.iinfo(pixels.dtype).max)  # squared and rounded up it just fits uint32
    divisor = np.maximum(alpha, 1).astype(np.uint32)[:, :, None]
    return np.minimum((pixels.astype(np.uint32) * full + divisor // 2) // divisor, full).astype(pixels.dtype)
