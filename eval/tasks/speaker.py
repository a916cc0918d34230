"""Speakers: whether a network still hears the voice of the original.

Each sound is prepared as the network's authors do: mono at 16 kHz, brought to -30 dBFS if it is quieter, long
silences cut out.
"""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import EvalError, Unavailable
from ..measures.base import Compute, Measure, Meter, Value
from ..sample import Coded, Media, Sample, Signal
from .originals import remembered
from .speech import RATE, voice


def load() -> Compute:
    try:
        resemblyzer = _resemblyzer()
    except ImportError as error:
        raise Unavailable("Comparing speakers needs Resemblyzer: pip install 'kodek[perception]'.") from error
    network = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def embed(signal: Signal) -> np.ndarray | None:
        """float32 [256] of length 1, all 0 or more; None where there is no voice."""
        samples = voice(signal)
        if not samples.any():
            return None
        spoken = resemblyzer.preprocess_wav(np.clip(samples, -1, 1), RATE)
        return network.embed_utterance(spoken) if len(spoken) else None

    of_original = remembered(embed)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        original = of_original(sample)
        if original is None:
            return {}
        decoded = embed(coded.signal)
        if decoded is None:
            raise EvalError("No voice is left in the decoded sound.")
        return {"speaker_similarity": float(original @ decoded)}

    return measure


def _resemblyzer() -> Any:
    """Its detector of voices asks pkg_resources for its own version; setuptools has dropped that module."""
    if find_spec("pkg_resources") is not None:
        import resemblyzer

        return resemblyzer
    stand_in = ModuleType("pkg_resources")
    stand_in.__dict__["get_distribution"] = importlib.metadata.distribution
    sys.modules["pkg_resources"] = stand_in
    try:
        import resemblyzer
    finally:
        del sys.modules["pkg_resources"]
    return resemblyzer


METERS = (
    Meter(
        "speaker",
        frozenset({Media.AUDIO}),
        (Measure("speaker_similarity", "Speaker similarity", "", True, (0.0, 1.0)),),
        load,
        "Wan et al., Generalized End-to-End Loss for Speaker Verification, 2018; Resemblyzer: the cosine of the "
        "embeddings of the original and the decoded sound",
        ("Resemblyzer", "webrtcvad"),
        task=True,
        judge="Resemblyzer",
    ),
)
