"""Video in memory, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, eq=False)
class Video:
    """8-bit YUV 4:2:0 frames, BT.709, limited range.

    y: uint8 [frames, H, W]; u, v: uint8 [frames, ceil(H / 2), ceil(W / 2)]; rate: frames per second.

    Raises ValueError when the shapes or dtypes are not these.
    """

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    rate: Fraction

    def __post_init__(self) -> None:
        frames, height, width = self.y.shape
        chroma = (frames, -(-height // 2), -(-width // 2))
        if {plane.dtype for plane in (self.y, self.u, self.v)} != {np.dtype(np.uint8)} or not frames:
            raise ValueError("Video is one frame or more of uint8 samples.")
        if self.u.shape != chroma or self.v.shape != chroma:
            raise ValueError(f"Chroma of {self.y.shape} is {chroma}, not {self.u.shape} and {self.v.shape}.")

    @property
    def seconds(self) -> float:
        return float(len(self.y) / self.rate)
