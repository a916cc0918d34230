"""Reading TIFF: Pillow for what it knows, tifffile for the layouts it does not."""

import logging
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from .deep import decode_deep
from .errors import MediaError
from .exif import reset_xmp_orientation, upright
from .ifd import Directory, read_directory
from .limits import check_size, pillow_limit_lifted
from .picture import Picture
from .samples import Alpha, from_pillow, split_alpha, unpremultiply
from .tiff_tags import ICC, XMP, exif_of

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it says is raised, too

_BITS, _PHOTOMETRIC, _PLANES, _INKS, _EXTRA, _FORMAT = 258, 262, 284, 332, 338, 339
_IPTC, _PHOTOSHOP = 33723, 34377
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _SEPARATED = 0, 1, 2, 5
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _SEPARATED: 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha that the colours are multiplied with, or not


def read_tiff(file: BinaryIO, name: str, limit: int) -> Picture:
    """Read a TIFF file of one page, see `read_picture`."""
    tags = read_directory(file)
    if _first(tags, _FORMAT, 1) not in (1, 4):
        raise MediaError(f"{name} can't be read: its samples are floating point or signed numbers.")
    if _first(tags, _PHOTOMETRIC, 0) == _SEPARATED and _first(tags, _INKS, 1) != 1:
        raise MediaError(f"{name} can't be read: its inks are not cyan, magenta, yellow and black.")
    try:
        image = _open(file)
    except SyntaxError:  # Pillow doesn't know the layout
        pixels, alpha = _read_rare(file, name, limit)
    else:
        check_size(image.width, image.height, name, limit)
        if getattr(image, "is_animated", False):
            raise MediaError(f"{name} can't be read: it holds several pages, not one.")
        deep = _first(tags, _BITS, 1) > 8
        if deep and _first(tags, _PLANES, 1) == 2:  # Pillow takes each plane for one of 8 bits
            pixels, alpha = _read_rare(file, name, limit)
        else:
            with pillow_limit_lifted(image.width * image.height):
                decode = _decode_deep if deep else _decode
                pixels, alpha = decode(image, lambda: _open(file), tags, name)
    return _with_metadata(pixels, alpha, tags)


def _first(tags: Directory, tag: int, default: int) -> int:
    return (*tags.numbers(tag), default)[0]


def _open(file: BinaryIO) -> TiffImageFile:
    file.seek(0)
    return TiffImageFile(file)


def _decode(
    image: TiffImageFile, open_image: Callable[[], TiffImageFile], tags: Directory, name: str
) -> tuple[np.ndarray, Alpha]:
    return from_pillow(image, name)


def _decode_deep(
    image: TiffImageFile, open_image: Callable[[], TiffImageFile], tags: Directory, name: str
) -> tuple[np.ndarray, Alpha]:
    if _first(tags, _BITS, 1) != 16:
        raise MediaError(f"{name} can't be read: its samples have {_first(tags, _BITS, 1)} bits, not 8 or 16.")
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.uint16)
        return (~grey if _first(tags, _PHOTOMETRIC, 0) == _WHITE_IS_ZERO else grey)[:, :, None], None
    samples, _ = decode_deep(open_image)
    pixels, alpha = split_alpha(samples, image.mode == "RGBA")
    if alpha is not None and _first(tags, _EXTRA, 0) == _ASSOCIATED:
        pixels = unpremultiply(pixels, alpha)
    return pixels, alpha


def _read_rare(file: BinaryIO, name: str, limit: int) -> tuple[np.ndarray, Alpha]:
    """Alpha beside 16-bit grey or CMYK, 16-bit samples in separate planes, in 8 or 16 bits a sample."""
    import tifffile

    file.seek(0)
    with tifffile.TiffFile(file) as container:
        if len(container.pages) > 1:
            raise MediaError(f"{name} can't be read: it holds several pages, not one.")
        page: Any = container.pages.first
        check_size(page.imagewidth, page.imagelength, name, limit)
        colours = _COLOURS.get(int(page.photometric), 0)
        extras = [int(extra) for extra in page.extrasamples]
        if page.bitspersample not in (8, 16) or page.samplesperpixel != colours + len(extras):
            raise MediaError(f"{name} can't be read: it is not grey, RGB or CMYK of 8 or 16 bits a sample.")
        samples = page.asarray()
        planes = page.planarconfig == 2 and page.samplesperpixel > 1
        if planes:
            samples = np.moveaxis(samples, 0, -1)
        samples = samples.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        orientation = page.tags.get(0x0112)
    samples = upright(samples, min(8, max(1, int(orientation.value))) if orientation else 1)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    pixels, alpha = samples[:, :, :colours], None
    if page.photometric == _WHITE_IS_ZERO:
        pixels = ~pixels
    for index, extra in enumerate(extras):
        if extra in (_ASSOCIATED, _UNASSOCIATED):
            alpha = np.ascontiguousarray(samples[:, :, colours + index])
            pixels = unpremultiply(pixels, alpha) if extra == _ASSOCIATED else pixels
            break
    return np.ascontiguousarray(pixels), alpha


def _with_metadata(pixels: np.ndarray, alpha: Alpha, tags: Directory) -> Picture:
    xmp, notes = tags.data(XMP), []
    if len(tags.numbers(_EXTRA)) > (alpha is not None):
        notes.append("channels that are neither colour nor alpha")
    if tags.data(_IPTC) or tags.data(_PHOTOSHOP):
        notes.append("IPTC data")
    if tags.damaged:
        notes.append("damaged tags")
    xmp = reset_xmp_orientation(xmp) if xmp else None
    return Picture(pixels, alpha, tags.data(ICC), exif_of(tags), xmp, tuple(notes))
