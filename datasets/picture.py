"""A picture in memory: pixels, alpha and the metadata that travels with them."""

from dataclasses import dataclass, replace

import numpy as np

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture.

    Attributes:
        pixels: H x W x C, uint8 (0..255) or uint16 (0..65535). C is 1 (grey), 3 (RGB) or 4 (CMYK as in PDF:
            0 is no ink, full range is full ink).
        alpha: H x W, dtype of `pixels`, 0 transparent, full range opaque; colours are not premultiplied.
            None: no alpha.
        icc: ICC profile that the pixels are in. None: sRGB, or unknown ink.
        exif: EXIF as a TIFF structure (``II*\\0`` or ``MM\\0*`` first, no ``Exif\\0\\0``); orientation is 1.
        xmp: XMP packet, UTF-8.
        notes: what the reader had to leave behind, each a phrase such as ``"IPTC data"``.

    Raises:
        ValueError: shapes or dtypes are not the ones above.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.ndim != 3 or pixels.shape[2] not in _MODES or 0 in pixels.shape:
            raise ValueError(f"Pixels are H x W x 1, 3 or 4, not {pixels.shape}.")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"Pixels are uint8 or uint16, not {pixels.dtype}.")
        if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
            raise ValueError(f"Alpha is {pixels.shape[:2]} {pixels.dtype}, not {alpha.shape} {alpha.dtype}.")

    @property
    def mode(self) -> str:
        """``"L"``, ``"RGB"`` or ``"CMYK"``, whether or not there is an alpha channel."""
        return _MODES[self.pixels.shape[2]]

    @property
    def depth(self) -> int:
        """Bits a sample: 8 or 16."""
        return 8 * self.pixels.itemsize

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    def strip(self) -> "Picture":
        """The same picture without EXIF and XMP; the ICC profile stays, because the colours need it."""
        return replace(self, exif=None, xmp=None)
