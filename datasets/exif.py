"""EXIF without a rewrite: the orientation is changed in place, so that maker notes keep their offsets."""

import re
import struct

import numpy as np

_HEADERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION, _SHORT = 0x0112, 3
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>\s*))[2-8]""")


def orientation(exif: bytes | None) -> int:
    """The orientation 1..8 in `exif`; 1 where there is none, or nonsense."""
    place = _find_orientation(exif or b"")
    if place is None:
        return 1
    order, at = place
    (value,) = struct.unpack_from(order + "H", exif or b"", at)
    return value if 1 <= value <= 8 else 1


def reset_orientation(exif: bytes) -> bytes:
    """`exif` with orientation 1 and not a byte else changed."""
    place = _find_orientation(exif)
    if place is None:
        return exif
    order, at = place
    return exif[:at] + struct.pack(order + "H", 1) + exif[at + 2 :]


def drop_orientation(exif: bytes) -> bytes:
    """`exif` without orientation; what its entries point to stays where it is."""
    place = _find_orientation(exif)
    if place is None:
        return exif
    order, at = place
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    entry, end = at - 8, start + 2 + 12 * count + 4
    rest = exif[start + 2 : entry] + exif[entry + 12 : end] + bytes(12)
    return exif[:start] + struct.pack(order + "H", count - 1) + rest + exif[end:]


def reset_xmp_orientation(xmp: bytes) -> bytes:
    """`xmp` with ``tiff:Orientation`` 1, if it says another."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Turn H x W (x C) samples that were stored with an EXIF orientation 1..8 the way they are to be seen."""
    turned = samples.swapaxes(0, 1) if orientation >= 5 else samples
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)


def _find_orientation(exif: bytes) -> tuple[str, int] | None:
    """Byte order and position of the orientation in the first directory, None if there is none."""
    order = _HEADERS.get(exif[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, values, _ = struct.unpack_from(order + "HHI4s", exif, entry)
            if (tag, kind, values) == (_ORIENTATION, _SHORT, 1):
                return order, entry + 8
    except struct.error:
        pass  # cut off: no orientation to be found
    return None
