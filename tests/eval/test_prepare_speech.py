"""The table of speech, and cutting it out of made-up recordings."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Audio, write_wav
from kodek.eval.data import Data
from kodek.eval.errors import EvalError
from kodek.eval.prepare import speech
from kodek.eval.prepare.fetch import Kind, Package
from kodek.eval.prepare.speech import CLIPS, Clip
from kodek.eval.sample import Media

pytest.importorskip("av")

MADE_UP = (
    (
        Package(Kind.SDIST, "made-up-voices", "1.0", "CC0-1.0"),
        (
            Clip("in/long.wav", "ann", 'the first, "second"', 0.0, 0.5),
            Clip("in/long.wav", "ann", "third", 0.5),
        ),
    ),
    (Package(Kind.WHEEL, "other", "2.0", "MIT"), (Clip("short.wav", "bob", "fourth"),)),
)


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an unpacked package with recordings that count their samples; all packages are fetched there."""
    contents = tmp_path / "contents"
    (contents / "in").mkdir(parents=True)
    ramp = np.arange(8000, dtype=np.float32)[None] / 32768
    write_wav(contents / "in" / "long.wav", Audio(ramp, 8000))
    write_wav(contents / "short.wav", Audio(np.concatenate([ramp, -ramp]), 16000))
    monkeypatch.setattr(speech, "CLIPS", MADE_UP)
    monkeypatch.setattr(speech, "fetch", lambda package, folder: contents)
    return contents


def test_clips_are_cut_and_labelled(made_up: Path, tmp_path: Path) -> None:
    speech.prepare(tmp_path / "out")
    data = Data(str(tmp_path / "out"), Media.AUDIO)
    assert data.names == ["ann-1.flac", "ann-2.flac", "bob-1.flac"]
    first, second, third = (data.sample(name) for name in data.names)
    assert (first.labels["text"], first.labels["speaker"]) == ('the first, "second"', "ann")
    assert (third.labels["text"], third.labels["speaker"]) == ("fourth", "bob")
    assert isinstance(first.signal, Audio) and isinstance(second.signal, Audio) and isinstance(third.signal, Audio)
    assert np.array_equal(np.round(first.signal.samples[0] * 32768), np.arange(4000))
    assert np.array_equal(np.round(second.signal.samples[0] * 32768), np.arange(4000, 8000))
    assert third.signal.rate == 16000 and third.signal.samples.shape == (1, 8000)
    assert not third.signal.samples.any()  # the average of its channels


def test_sources_are_named(made_up: Path, tmp_path: Path) -> None:
    speech.prepare(tmp_path / "out")
    lines = (tmp_path / "out" / "SOURCES.txt").read_text(encoding="utf-8").splitlines()
    assert lines[2] == "ann-2.flac\tmade-up-voices 1.0 (sdist)\tCC0-1.0\tin/long.wav\t0.5 to the end"
    assert len(lines) == 4


def test_a_recording_that_is_missing_or_damaged_is_named(made_up: Path, tmp_path: Path) -> None:
    (made_up / "short.wav").write_bytes(b"RIFF of nothing")
    with pytest.raises(EvalError, match=r"other, short\.wav: .*not sound"):
        speech.prepare(tmp_path / "out")
    (made_up / "in" / "long.wav").unlink()
    with pytest.raises(EvalError, match=r"made-up-voices, in/long\.wav: "):
        speech.prepare(tmp_path / "out")


def test_the_table_has_words_and_speakers_enough() -> None:
    words: Counter[str] = Counter()
    for _, clips in CLIPS:
        for clip in clips:
            words[clip.speaker] += len(clip.text.split())
    assert words.total() >= 600
    assert sum(count >= 100 for count in words.values()) >= 3


def test_the_parts_of_a_recording_do_not_overlap() -> None:
    for package, clips in CLIPS:
        assert package.version and package.licence
        for path in {clip.path for clip in clips}:
            parts = [clip for clip in clips if clip.path == path]
            assert all(clip.end is None or clip.end - clip.start >= 2 for clip in parts)
            assert all(before.end is not None and before.end <= after.start for before, after in pairwise(parts))
