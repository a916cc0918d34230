"""Writing TIFF: one writer for every `Picture`, since Pillow's holds no 16-bit colour. TIFF 6.0."""

import itertools
import struct
import zlib
from typing import BinaryIO

import numpy as np

from .ifd import BYTE, LONG, SHORT, UNDEFINED, Directory
from .picture import Picture
from .tiff_tags import ICC, XMP, directory_with

_PHOTOMETRIC = {"L": 1, "RGB": 2, "CMYK": 5}
_STRIP_OFFSETS = 273
_STRIP = 1 << 20  # bytes a strip, before compression


def write_tiff(file: BinaryIO, picture: Picture) -> list[str]:
    """Write strips, deflated after horizontal differencing, behind the directory; return what was left out.

    The byte order is that of the picture's EXIF, whose values are copied as they are; little endian without.
    """
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha[:, :, None]], 2)
    height, width, channels = samples.shape
    dropped = []
    try:
        directory = directory_with(picture.exif)
        if directory.damaged:
            dropped.append("damaged parts of EXIF")
    except ValueError:
        directory = Directory()
        dropped.append("EXIF that can't be parsed")
    rows = max(1, _STRIP // (width * channels * samples.itemsize))
    strips = [_compress(samples[start : start + rows], directory.order) for start in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    directory.put(256, LONG, [width])
    directory.put(257, LONG, [height])
    directory.put(258, SHORT, [picture.depth] * channels)
    directory.put(259, SHORT, [8])  # deflate
    directory.put(262, SHORT, [_PHOTOMETRIC[picture.mode]])
    directory.put(_STRIP_OFFSETS, LONG, [0] * len(strips))
    directory.put(277, SHORT, [channels])
    directory.put(278, LONG, [rows])
    directory.put(279, LONG, sizes)
    directory.put(284, SHORT, [1])  # the samples of a pixel side by side
    directory.put(317, SHORT, [2])  # horizontal differencing
    if picture.alpha is not None:
        directory.put(338, SHORT, [2])  # alpha that the colours are not multiplied with
    for tag, kind, data in ((XMP, BYTE, picture.xmp), (ICC, UNDEFINED, picture.icc)):
        if data:
            directory.put(tag, kind, data)
    first = 8 + len(directory.pack(8))
    directory.put(_STRIP_OFFSETS, LONG, itertools.accumulate(sizes[:-1], initial=first))
    file.write(b"II*\0" if directory.order == "<" else b"MM\0*")
    file.write(struct.pack(directory.order + "I", 8) + directory.pack(8))
    for strip in strips:
        file.write(strip)
    return dropped


def _compress(samples: np.ndarray, order: str) -> bytes:
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(differences.astype(samples.dtype.newbyteorder(order)).tobytes(), 6)  # type: ignore[arg-type]
