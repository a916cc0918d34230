"""Samples of a picture <-> the three-channel light that a codec sees, area by area.

Grey is spread over three channels, CMYK is two planes of light (1 - ink): CMY, and K as if it were grey.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..header import Mode
from .area import Area

MODES: dict[int, Mode] = {1: "L", 3: "RGB", 4: "CMYK"}  # by channels
PLANES: dict[Mode, tuple[slice, ...]] = {
    "L": (slice(0, 1),),
    "RGB": (slice(0, 3),),
    "CMYK": (slice(0, 3), slice(3, 4)),
}


def to_light(pixels: NDArray[np.integer], plane: int, area: Area) -> Tensor:
    """pixels: uint8 or uint16 [H, W, C] -> float32 [1, 3, *area] in [0, 1]."""
    mode = MODES[pixels.shape[2]]
    part = pixels[*area.slices, PLANES[mode][plane]].transpose(2, 0, 1)[None]
    light = torch.from_numpy(part.astype(np.float32)).div_(float(np.iinfo(pixels.dtype).max))
    return (1 - light if mode == "CMYK" else light).expand(-1, 3, -1, -1)


def put_light(pixels: NDArray[np.integer], plane: int, area: Area, light: Tensor) -> None:
    """The inverse, rounded; light: [1, 3, *area]."""
    mode = MODES[pixels.shape[2]]
    channels = PLANES[mode][plane]
    light = light[0] if channels.stop - channels.start == 3 else light[0].mean(0, keepdim=True)
    light = 1 - light if mode == "CMYK" else light
    peak = float(np.iinfo(pixels.dtype).max)
    pixels[*area.slices, channels] = light.permute(1, 2, 0).cpu().mul(peak).round_().numpy()
