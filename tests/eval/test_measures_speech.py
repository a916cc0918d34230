"""Judges of speech, on a synthetic voice."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from kodek.datasets import Audio
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.measures import speech
from kodek.eval.measures.base import Compute
from kodek.eval.sample import Coded, Sample

RATE = 16_000
PACKAGES = {"stoi": "pystoi", "pesq": "pesq", "visqol": "visqol", "dnsmos": "speechmos"}
METERS = {meter.name: meter for meter in speech.METERS}


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Vowels with pauses: a train of glottal pulses through three formants, float32 [3 s]."""
    signal = pytest.importorskip("scipy.signal", reason="no scipy")
    random, words = np.random.default_rng(3), []
    for formants in ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480)) * 2:
        time = np.arange(int(0.28 * RATE)) / RATE
        pitch = 130 + 25 * np.sin(2 * np.pi * 2 * time + random.uniform(0, 6))
        sound = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0) + 0.01 * random.standard_normal(len(time))
        for formant in formants:
            radius = np.exp(-np.pi * 90 / RATE)
            sound = signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2], sound)
        words += [sound / np.abs(sound).max() * np.hanning(len(sound)), np.zeros(int(0.095 * RATE))]
    return (0.5 * np.concatenate(words)).astype(np.float32)


@pytest.fixture(scope="module")
def judges() -> dict[str, Compute]:
    return {}


@pytest.fixture
def judge(request, judges):
    name = request.param
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"no {PACKAGES[name]}")
    if name not in judges:
        judges[name] = METERS[name].load()

    def compute(original: np.ndarray, decoded: np.ndarray, rate: int = RATE) -> dict:
        original, decoded = np.atleast_2d(original), np.atleast_2d(decoded)
        return dict(judges[name](Sample("a", Audio(original, rate)), Coded("c", 1, b"", Audio(decoded, rate))))

    return compute


every = pytest.mark.parametrize("judge", list(PACKAGES), indirect=True)


def noisy(voice: np.ndarray, level: float) -> np.ndarray:
    return (voice + level * np.random.default_rng(1).standard_normal(voice.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("judge", "best"),
    [("stoi", {"stoi": 1.0, "estoi": 1.0}), ("pesq", {"pesq_wb": 4.644}), ("visqol", {"visqol": 4.732})],
    indirect=["judge"],
)
def test_equal_sounds_are_best(judge, best, voice):
    assert judge(voice, voice) == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("judge", ["stoi", "pesq", "visqol"], indirect=True)
def test_worse_with_noise(judge, voice):
    found = [judge(voice, noisy(voice, level)) for level in (0.0002, 0.002, 0.2)]
    for name in found[0]:
        values = [each[name] for each in found]
        assert values == sorted(values, reverse=True)
        assert values[0] > values[-1] + 0.2


@pytest.mark.parametrize("judge", ["dnsmos"], indirect=True)
def test_dnsmos_hears_noise(judge, voice):
    """It sees the decoded sound alone."""
    clean, noise = judge(voice, voice), judge(voice, noisy(voice, 0.2))
    assert clean.keys() == {"dnsmos_ovrl", "dnsmos_sig", "dnsmos_bak", "dnsmos_p808"}
    assert clean["dnsmos_bak"] > noise["dnsmos_bak"] + 0.5
    assert judge(noisy(voice, 0.1), voice) == clean


@every
def test_values_are_in_range(judge, voice, request):
    meter = METERS[request.node.callspec.params["judge"]]
    values = judge(voice, noisy(voice, 0.05))
    assert values.keys() == {measure.name for measure in meter.measures}
    for measure in meter.measures:
        assert measure.range[0] <= values[measure.name] <= measure.range[1]


@pytest.mark.parametrize("judge", ["stoi", "pesq", "dnsmos"], indirect=True)
def test_channels_and_rates(judge, voice):
    """Stereo is heard as mono, and 32 kHz as the rate of the judge."""
    from kodek.datasets import resample

    decoded = noisy(voice, 0.01)
    twice, decoded_twice = (resample(Audio(x[None], RATE), 2 * RATE).samples for x in (voice, decoded))
    alike = judge(np.repeat(twice, 2, 0), np.repeat(decoded_twice, 2, 0), 2 * RATE)
    assert alike == pytest.approx(judge(voice, decoded), abs=0.1)


@every
def test_what_cannot_be_judged(judge, voice):
    silent = np.zeros_like(voice)
    for original, decoded in ((silent, silent), (voice, silent), (voice[:1] + 0.1, voice[:1] + 0.1)):
        with pytest.raises(EvalError, match=r"\.$"):
            judge(original, decoded)
    with pytest.raises(EvalError):
        judge(voice[:1600], voice[:1600])


@pytest.mark.parametrize("judge", ["pesq"], indirect=True)
def test_pesq_of_long_sounds(judge, voice):
    with pytest.raises(EvalError, match="longer than"):
        judge(np.tile(voice, 7), np.tile(voice, 7))


@pytest.mark.parametrize("name", list(PACKAGES))
def test_missing_package(name, monkeypatch):
    for module in (PACKAGES[name], "speechmos.dnsmos"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unavailable, match=r"pip install 'kodek\[perception\]'"):
        METERS[name].load()
