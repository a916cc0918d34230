"""Alpha planes, lossless: a PNG of one grey channel inside the file."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import DamagedError


def encode_alpha(alpha: NDArray[np.integer]) -> bytes:
    """alpha: uint8 or uint16 [H, W]."""
    out = io.BytesIO()
    Image.fromarray(alpha).save(out, "PNG", optimize=True)
    return out.getvalue()


def decode_alpha(data: bytes, size: tuple[int, int], depth: int) -> NDArray[np.integer]:
    """-> [H, W] of `size`, uint8 or uint16. Raises DamagedError unless it is the PNG that `encode_alpha` writes."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if (image.height, image.width) != size or image.mode != ("L" if depth == 8 else "I;16"):
                raise DamagedError("The alpha plane does not have the size and depth of the picture.")
            return np.array(image, dtype=np.uint8 if depth == 8 else np.uint16)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DamagedError):
            raise
        raise DamagedError("The alpha plane is damaged.") from error
