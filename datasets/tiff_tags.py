"""The metadata of TIFF: its own directory holds what EXIF holds elsewhere.

Tags: TIFF 6.0; ICC profile: ICC.1 annex B.4; XMP: XMP specification part 3; EXIF: CIPA DC-008.
"""

from .ifd import Directory, pack_exif, read_exif

XMP, ICC = 700, 34675
# What of the main directory belongs to EXIF: description, make, model, resolution and its unit, software,
# date, artist, host, copyright, and the rating, title, comment, author, keywords and subject of Windows.
_DESCRIPTIVE = {0x10E, 0x10F, 0x110, 0x11A, 0x11B, 0x128, 0x131, 0x132, 0x13B, 0x13C, 0x8298, 0x4746}
_DESCRIPTIVE |= set(range(0x9C9B, 0x9CA0))


def exif_of(tags: Directory) -> bytes | None:
    """EXIF made of a TIFF's directory, without orientation; None if there is nothing to tell."""
    exif = Directory(tags.order)
    _copy(tags, exif)
    return pack_exif(exif) if exif.entries or exif.within else None


def directory_with(exif: bytes | None) -> Directory:
    """A TIFF's directory that tells what `exif` does, in its byte order.

    Raises:
        ValueError: `exif` is no EXIF.
    """
    source = read_exif(exif) if exif else Directory()
    directory = Directory(source.order, damaged=source.damaged)
    _copy(source, directory)
    return directory


def _copy(source: Directory, target: Directory) -> None:
    target.entries |= {tag: entry for tag, entry in source.entries.items() if tag in _DESCRIPTIVE}
    target.within |= source.within
