"""kodek's own models in an evaluation: settings are true rates, signals come back as they went in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import write_flac
from kodek.eval.errors import EvalError
from kodek.eval.lineup import codec
from kodek.eval.models import find_model, load_model, media_of
from kodek.eval.sample import Media
from kodek.eval.sounds import syllables

from kodek.cli import main

from .conftest import TINY, TINY_SOUND


@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (16000, 2), (44100, 1)])
def test_sound_comes_back_at_its_rate_and_length(rate: int, channels: int) -> None:
    found = codec(f"{TINY_SOUND}@0.8:1.2")
    assert found.media is Media.AUDIO and found.name == "tiny-sound-fixture" and found.settings == (0.8, 1.2)
    original = syllables(3.3, rate, channels)
    for kilobits in (0.8 * channels, 1.2 * channels):
        data = found.encode(original, kilobits)
        assert 0.75 * kilobits <= 8 * len(data) / original.seconds / 1000 <= kilobits
        decoded = found.decode(data)
        assert decoded.rate == rate and decoded.samples.shape == original.samples.shape


def test_a_model_of_the_wrong_kind_is_refused() -> None:
    assert media_of(find_model(str(TINY))) is Media.IMAGE
    with pytest.raises(EvalError, match="tiny-sound-fixture does not code image"):
        load_model(str(TINY_SOUND))


def test_an_evaluation_of_sound(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_flac(tmp_path / "data" / "a.flac", syllables(2, 24000))
    command = ["eval", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "-j", "1", "--timed", "1"]
    assert main([*command, "--codecs", f"{TINY_SOUND}@0.8", "--measures", "si-sdr"]) == 0
    (row,) = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    stream = tmp_path / "out" / "streams" / "tiny-sound-fixture" / "0.8" / "a.flac.kdk"
    assert (row["codec"], row["bytes"]) == ("tiny-sound-fixture", stream.stat().st_size)
    assert np.isfinite(row["measures"]["si_sdr"]) and row["versions"]["generation"]
