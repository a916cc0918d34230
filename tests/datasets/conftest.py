import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Picture

_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}


@pytest.fixture
def data() -> Path:
    """Pictures by other people's writers, see the README there."""
    return Path(__file__).parent / "data"


@pytest.fixture
def make_picture() -> Callable[..., Picture]:
    """A picture of noise: no two rows, columns, channels or bytes of a sample are alike."""

    def make(mode: str = "RGB", depth: int = 8, alpha: bool = False, width: int = 37, height: int = 23) -> Picture:
        random = np.random.default_rng(width * height + depth)
        dtype, full = (np.uint8, 255) if depth == 8 else (np.uint16, 65535)
        pixels = random.integers(0, full + 1, (height, width, _CHANNELS[mode])).astype(dtype)
        cover = random.integers(0, full + 1, (height, width)).astype(dtype) if alpha else None
        return Picture(pixels, cover)

    return make


@pytest.fixture
def make_exif() -> Callable[..., bytes]:
    """EXIF of either byte order, with a description beside the orientation."""

    def make(orientation: int, order: str = "<") -> bytes:
        def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
            return struct.pack(order + "HHI", tag, kind, count) + value

        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
        text = b"Kodek test\0"
        entries = [
            entry(0x010E, 2, len(text), struct.pack(order + "I", 8 + 2 + 2 * 12 + 4)),
            entry(0x0112, 3, 1, struct.pack(order + "HH", orientation, 0)),
        ]
        return head + struct.pack(order + "H", 2) + b"".join(entries) + struct.pack(order + "I", 0) + text

    return make
