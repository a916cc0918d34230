"""Streams written by an earlier kodek still decode to the same symbols and, within rounding, the same pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
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
