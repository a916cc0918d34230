"""Streams written by an earlier kodek still decode to the same symbols and, within rounding, the same signals."""

import json
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.audio.file import AudioDecoder, cut_audio, verify_audio
from kodek.codecs.audio.live import LiveDecoder
from kodek.codecs.container import read
from kodek.codecs.image.file import verify_image

from kodek import decode

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())


@pytest.fixture(autouse=True)
def fixture_model(monkeypatch):
    monkeypatch.setenv("KODEK_MODELS", str(HERE))


@pytest.mark.parametrize("name", EXPECTED)
def test_stream_decodes_as_it_did(name):
    data = (HERE / f"{name}.kdk").read_bytes()
    assert len(data) == EXPECTED[name]["size"]
    verify_image(data)  # raises MismatchError unless every symbol is the recorded one
    pixels, expected = decode(data, as_="numpy"), np.load(HERE / f"{name}.npy")
    assert pixels.dtype == expected.dtype
    step = 257 if pixels.dtype == np.uint16 else 1  # float transforms may round differently elsewhere
    assert np.abs(pixels.astype(int) - expected.astype(int)).max() <= step


def test_one_pixel_costs_what_the_format_promises():
    header, chunks = read((HERE / "one.kdk").read_bytes())
    assert (header.width, header.height) == (1, 1)
    assert EXPECTED["one"]["size"] - sum(len(chunk.data) for chunk in chunks) <= 24


@pytest.mark.parametrize(("name", "steady"), [("sound", 0), ("steady", 2)])
def test_sound_decodes_as_it_did(name, steady):
    data, expected = (HERE / f"{name}.kdk").read_bytes(), np.load(HERE / f"{name}.npy").astype(np.float32)
    assert verify_audio(data) == []  # raises MismatchError unless every symbol is the recorded one
    decoder = AudioDecoder(data)
    assert decoder.tags == {"title": "Tönë"}
    assert (decoder.header.channels, decoder.header.rate, decoder.header.length) == (1, 24000, 27001)
    rounding = 2e-3 * np.abs(expected).max()  # of the float transforms, and of half precision in the file of samples
    assert rounding > 1e-5
    np.testing.assert_allclose(np.concatenate(list(decoder), axis=1), expected, atol=rounding)
    assert verify_audio(cut_audio(data, stages=steady + 1)) == []

    live = LiveDecoder()
    samples = [live.push((HERE / f"{name}.live").read_bytes()), live.finish()]  # raises MismatchError likewise
    assert live.complete and not live.damage
    if not steady:  # else its steady codes are of the second before
        np.testing.assert_allclose(np.concatenate(samples, axis=1), expected, atol=rounding)
