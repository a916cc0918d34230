"""The mel filters of the multi-scale mel distance (Kumar et al. 2023, DAC), which trains and measures audio codecs."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

from .compat import install
from .errors import MediaError

if TYPE_CHECKING:
    from torch import Tensor

MELS = {32: 5, 64: 10, 128: 20, 256: 40, 512: 80, 1024: 160, 2048: 320}  # bands by window, in samples
FLOOR = 1e-5  # of mel magnitudes, before the logarithm


@functools.lru_cache(maxsize=64)
def mel_filters(window: int, rate: int) -> Tensor:
    """float32 [window / 2 + 1, bands]: Slaney's mel scale from 0 Hz to half of `rate`, each band of unit area.

    Raises MediaError if torchaudio is not installed.
    """
    install()
    try:
        from torchaudio.functional import melscale_fbanks
    except ImportError as error:
        raise MediaError("The mel distance needs torchaudio: pip install 'kodek[eval]'.") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 320 bands are so many that the lowest hold no frequency of the transform
        filters: Tensor = melscale_fbanks(
            window // 2 + 1, 0.0, rate / 2, MELS[window], rate, norm="slaney", mel_scale="slaney"
        )
    return filters
