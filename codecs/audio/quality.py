"""Quality, 0 to 100, as a number of stages."""

import numpy as np

_QUALITIES, _STAGES = (0, 50, 100), (1, 12, 48)  # 0.5, 6 and 24 kbit/s a channel before entropy coding


def stages_of(quality: float, most: int = _STAGES[-1]) -> int:
    """The stages that code at `quality`, `most` at most: logarithmic, as loudness of noise is. Raises ValueError."""
    if not 0 <= quality <= 100:
        raise ValueError("quality must lie between 0 and 100")
    return min(most, round(float(np.exp(np.interp(quality, _QUALITIES, np.log(_STAGES))))))
