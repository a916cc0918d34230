"""A photograph of any size without a network: one that comes with the package, mirrored as often as needed."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from kodek.datasets import read_picture

BUNDLED = "coffee.png"


def bundled_photo(width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3], continued by mirroring at its right and lower edges."""
    with as_file(files("kodek") / "media" / BUNDLED) as path:
        return mirrored(read_picture(path).pixels, width, height)


def mirrored(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The [H, W, C] picture cropped, or continued by mirroring, to [height, width, C]."""
    more = max(0, height - pixels.shape[0]), max(0, width - pixels.shape[1])
    return np.pad(pixels[:height, :width], ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
