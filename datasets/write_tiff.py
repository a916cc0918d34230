"""Writing TIFF: one writer for every `Picture`, since Pillow's holds no 16-bit colour. TIFF 6.0."""

import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .picture import Picture
from .tiff_tags import ICC, XMP, put_exif

_PHOTOMETRIC = {"L": 1, "RGB": 2, "CMYK": 5}
_STRIP = 1 << 20  # bytes a strip, before compression


def write_tiff(file: BinaryIO, picture: Picture) -> list[str]:
    """Write little-endian strips, deflated after horizontal differencing; return what was left out."""
    samples = picture.pixels
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha[:, :, None]], 2)
    height, width, channels = samples.shape
    rows = max(1, _STRIP // (width * channels * samples.itemsize))
    strips = [_compress(samples[start : start + rows]) for start in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    longs: dict[int, Any] = {
        256: width,
        257: height,
        273: tuple(np.cumsum([0, *sizes[:-1]]).tolist()),  # where strips begin, after the directory
        278: rows,
        279: tuple(sizes),
    }
    shorts: dict[int, Any] = {
        258: (picture.depth,) * channels,
        259: 8,  # deflate
        262: _PHOTOMETRIC[picture.mode],
        277: channels,
        284: 1,  # the samples of a pixel side by side
        317: 2,  # horizontal differencing
    }
    if picture.alpha is not None:
        shorts[338] = 2  # alpha that the colours are not multiplied with
    directory, dropped = ImageFileDirectory_v2(), []
    if picture.exif:
        try:
            put_exif(picture.exif, directory)
        except Exception:  # other people's bytes, which Pillow has to parse here
            directory, dropped = ImageFileDirectory_v2(), ["EXIF that can't be parsed"]
    for kind, tags in (
        (TiffTags.LONG, longs),
        (TiffTags.SHORT, shorts),
        (TiffTags.BYTE, {XMP: picture.xmp}),
        (TiffTags.UNDEFINED, {ICC: picture.icc}),
    ):
        for tag, value in tags.items():
            if value is not None:
                directory.tagtype[tag] = kind
                directory[tag] = value
    directory.save(file)
    for strip in strips:
        file.write(strip)
    return dropped


def _compress(samples: np.ndarray) -> bytes:
    differences = samples.astype(samples.dtype.newbyteorder("<"))
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(differences.tobytes(), 6)
