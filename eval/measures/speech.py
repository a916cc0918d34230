"""Judges of speech and of sound: intelligibility and opinion scores, by the libraries of their kind.

Each hears one channel, the mean of all, at the sampling rate that it was made for.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import Audio, resample

from ..errors import EvalError, Unavailable
from ..sample import Coded, Media, Sample
from .audio import sounds
from .base import Compute, Measure, Meter, Value

_STOI_RATE, _PESQ_RATE, _VISQOL_RATE, _DNSMOS_RATE = 10_000, 16_000, 48_000, 16_000
_PESQ_LONGEST = 20  # seconds: the library crashes beyond 50 utterances, which are 0.4 seconds apart at least

_DNSMOS_MODELS = ("sig_bak_ovr.onnx", "model_v8.onnx")  # P.835 and P.808

STOI = Measure("stoi", "STOI", "", True, (-1.0, 1.0))
ESTOI = Measure("estoi", "ESTOI", "", True, (-1.0, 1.0))
PESQ = Measure("pesq_wb", "PESQ (wideband)", "", True, (1.0, 4.65))
VISQOL = Measure("visqol", "ViSQOL (audio mode, 48 kHz)", "", True, (1.0, 5.0))
DNSMOS = {  # by the library's name
    "ovrl_mos": Measure("dnsmos_ovrl", "DNSMOS overall", "", True, (1.0, 5.0)),
    "sig_mos": Measure("dnsmos_sig", "DNSMOS speech", "", True, (1.0, 5.0)),
    "bak_mos": Measure("dnsmos_bak", "DNSMOS background", "", True, (1.0, 5.0)),
    "p808_mos": Measure("dnsmos_p808", "DNSMOS P.808", "", True, (1.0, 5.0)),
}


def load_stoi() -> Compute:
    library = _library("pystoi", "STOI", "pystoi")

    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = _pair("STOI", sample, coded, _STOI_RATE)
        values: dict[str, Value] = {}
        for measure, extended in ((STOI, False), (ESTOI, True)):
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)  # the library warns and returns 1e-5
                try:
                    values[measure.name] = float(library.stoi(original, decoded, _STOI_RATE, extended=extended))
                except (RuntimeWarning, ValueError, IndexError) as error:
                    raise EvalError("STOI needs 30 frames of speech, 0.4 seconds.") from error
        return values

    return compute


def load_pesq() -> Compute:
    library = _library("pesq", "PESQ", "pesq")

    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = _pair("PESQ", sample, coded, _PESQ_RATE)
        if len(original) > _PESQ_LONGEST * _PESQ_RATE:
            raise EvalError(f"PESQ is made for clips of seconds: this one is longer than {_PESQ_LONGEST}.")
        try:
            return {PESQ.name: float(library.pesq(_PESQ_RATE, original, decoded, "wb"))}
        except library.NoUtterancesError as error:
            raise EvalError("PESQ finds no speech in it.") from error
        except library.BufferTooShortError as error:
            raise EvalError("PESQ needs a quarter of a second.") from error
        except library.PesqError as error:
            raise EvalError(f"PESQ can't judge it ({error}).") from error

    return compute


def load_visqol() -> Compute:
    library = _library("visqol", "ViSQOL", "visqol-python")
    judge = library.VisqolApi()
    judge.create(mode="audio")

    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        original, decoded = (x.astype(np.float64) for x in _pair("ViSQOL", sample, coded, _VISQOL_RATE))
        with _sentence("ViSQOL can't judge it"):
            return {VISQOL.name: float(judge.measure_from_arrays(original, decoded, _VISQOL_RATE).moslqo)}

    return compute


def load_dnsmos() -> Compute:
    library = _library("speechmos.dnsmos", "DNSMOS", "speechmos")
    models = [str(Path(library.__file__).with_name("dnsmos_models") / name) for name in _DNSMOS_MODELS]
    judge = library.DNSMOS(*models)
    options = library.ort.SessionOptions()
    options.intra_op_num_threads = 1  # it would take a thread for every core, in every process
    judge.onnx_sess, judge.p808_onnx_sess = (library.ort.InferenceSession(path, options) for path in models)

    def compute(sample: Sample, coded: Coded) -> Mapping[str, Value]:
        (heard,) = _mono("DNSMOS", _DNSMOS_RATE, sounds(sample, coded)[1])
        if len(heard) < _DNSMOS_RATE:
            raise EvalError("DNSMOS needs a second of sound.")  # it repeats what is shorter than 9 seconds
        with _sentence("DNSMOS can't judge it"):
            found = judge(np.clip(heard, -1, 1), _DNSMOS_RATE, is_personalized_MOS=False)
        return {measure.name: float(found[name]) for name, measure in DNSMOS.items()}

    return compute


def _library(module: str, metric: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(f"{metric} needs {package}: pip install 'kodek[perception]'.") from error


@contextlib.contextmanager
def _sentence(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # research code raises whatever its arrays do
        reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
        raise EvalError(f"{what} ({reason}).") from error


def _pair(metric: str, sample: Sample, coded: Coded, rate: int) -> list[np.ndarray]:
    return _mono(metric, rate, *sounds(sample, coded))


def _mono(metric: str, rate: int, *signals: Audio) -> list[np.ndarray]:
    """float32 [length], each at `rate`."""
    heard = []
    for signal in signals:
        samples = signal.samples.mean(axis=0, keepdims=True)
        if not samples.any():
            raise EvalError(f"{metric} has no value for silence.")
        heard.append(resample(Audio(samples, signal.rate), rate).samples[0])
    return heard


_AUDIO = frozenset({Media.AUDIO})

METERS: tuple[Meter, ...] = (
    Meter(
        "stoi",
        _AUDIO,
        (STOI, ESTOI),
        load_stoi,
        "Taal, Hendriks, Heusdens & Jensen, TASLP 2011; extended: Jensen & Taal, TASLP 2016",
        ("pystoi",),
    ),
    Meter("pesq", _AUDIO, (PESQ,), load_pesq, "ITU-T P.862.2, wideband MOS-LQO at 16 kHz", ("pesq",)),
    Meter(
        "visqol",
        _AUDIO,
        (VISQOL,),
        load_visqol,
        "Chinen, Lim, Skoglund, Gureev, O'Gorman & Hines, ViSQOL v3, QoMEX 2020",
        ("visqol-python",),
    ),
    Meter(
        "dnsmos",
        _AUDIO,
        tuple(DNSMOS.values()),
        load_dnsmos,
        "Reddy, Gopal & Cutler, DNSMOS P.835, ICASSP 2022; DNSMOS (P.808), ICASSP 2021",
        ("speechmos", "onnxruntime"),
        task=True,
        judge="DNSMOS P.835 and P.808 (speechmos), at 16 kHz",
    ),
)
