"""The metadata of TIFF: its own directory holds what EXIF holds elsewhere.

Tags: TIFF 6.0; ICC profile: ICC.1 annex B.4; XMP: XMP specification part 3; EXIF: CIPA DC-008.
"""

import struct
from typing import Any, BinaryIO

from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

XMP, ICC = 700, 34675
_SUB_DIRECTORIES = (0x8769, 0x8825)  # EXIF, GPS
# What of the main directory belongs to EXIF: description, make, model, software, date, artist, copyright,
# and the rating, title, comment, author, keywords and subject of Windows.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x4746, *range(0x9C9B, 0x9CA0))


def read_tags(file: BinaryIO) -> Image.Exif:
    """The main directory of a TIFF file."""
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    tags = Image.Exif()
    if head.startswith(b"II+\0"):  # BigTIFF: Pillow's parser has to be told
        tags.endian, tags.bigtiff = "<", True
        tags.load_from_fp(file, *struct.unpack("<Q", head[8:]))
    else:
        tags.load_from_fp(file)
    return tags


def exif_of(tags: Image.Exif) -> bytes | None:
    """EXIF made of a TIFF's directory, without orientation; None if there is nothing to tell.

    Raises:
        Exception: the directory is damaged; Pillow's parser raises many kinds.
    """
    exif = Image.Exif()
    _copy(tags, exif)
    return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None


def put_exif(exif: bytes, directory: ImageFileDirectory_v2) -> None:
    """Put EXIF into the directory of a TIFF.

    Raises:
        Exception: `exif` is not what it claims to be; Pillow's parser raises many kinds.
    """
    parsed = Image.Exif()
    parsed.load(exif)
    for tag in _SUB_DIRECTORIES:
        directory.tagtype[tag] = TiffTags.LONG
    _copy(parsed, directory)


def _copy(source: Image.Exif, target: Any) -> None:
    for tag in _DESCRIPTIVE:
        if tag in source:
            target[tag] = source[tag]
    for tag in _SUB_DIRECTORIES:
        if values := source.get_ifd(tag):
            target[tag] = values
