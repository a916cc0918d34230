"""Sound in memory, and its files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound. samples: float32 [channels, length], full scale is -1 to 1; rate: samples per second.

    Raises ValueError when the shapes or dtypes are not these.
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32 or self.rate < 1:
            raise ValueError(
                f"Audio is float32 [channels, length], not {self.samples.dtype} {list(self.samples.shape)}."
            )

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate
