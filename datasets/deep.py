"""16 bits a sample out of Pillow, whose multi-channel pictures hold 8.

Its decoders can be told which byte of each 16-bit sample to keep. Decoding twice, once for the high bytes
and once for the low ones, gives all 16 bits with its parsers, filters and compressions.
"""

import sys
from collections.abc import Callable

import numpy as np
from PIL import ImageFile

# The raw mode that takes the other byte; N is this machine's order.
_OTHER_BYTE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}


def decode_deep(open_image: Callable[[], ImageFile.ImageFile]) -> tuple[np.ndarray, ImageFile.ImageFile]:
    """Decode a file of 16-bit samples that Pillow would cut to 8.

    Args:
        open_image: opens the file anew at each call; its tiles have a raw mode such as ``RGB;16B``.

    Returns:
        H x W x C uint16, not unpremultiplied, and the image, loaded (its `info` is complete then).
    """
    high_image = open_image()
    high = _decode(high_image, lambda layout, order: f"{layout};16{order}")
    low_image = open_image()
    low = _decode(low_image, lambda layout, order: f"{layout};16{_OTHER_BYTE[order]}")
    samples = high.astype(np.uint16)
    samples <<= 8
    samples |= low
    return samples, high_image


def decode_grey_alpha_deep(
    open_image: Callable[[], ImageFile.ImageFile],
) -> tuple[np.ndarray, ImageFile.ImageFile]:
    """As `decode_deep` for big-endian grey and alpha, read as four bytes a pixel: H x W x 2 uint16."""
    image = open_image()
    image.tile = [tile._replace(args="RGBA") for tile in image.tile]
    return np.ascontiguousarray(np.asarray(image)).view(">u2").astype(np.uint16), image


def _decode(image: ImageFile.ImageFile, rawmode: Callable[[str, str], str]) -> np.ndarray:
    tiles = []
    for tile in image.tile:
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        layout, order = str(args[0]).split(";16")
        layout = layout.replace("a", "A")  # or Pillow divides each byte by alpha
        chosen = (rawmode(layout, order), *args[1:])
        tiles.append(tile._replace(args=chosen if isinstance(tile.args, tuple) else chosen[0]))
    image.tile = tiles
    return np.asarray(image)
