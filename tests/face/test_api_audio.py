"""The Python face for sound, with a toy of 1 kHz in place of the codec."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import kodek

from .test_sound import tone

pytestmark = pytest.mark.usefixtures("toy")


def cuts(samples: np.ndarray, seed: int) -> list[np.ndarray]:
    """The samples in random pieces, some of them empty."""
    places = np.random.default_rng(seed).integers(0, samples.shape[1] + 1, 9)
    return np.split(samples, np.sort(places), axis=1)


def test_import_is_cheap() -> None:
    code = "import sys, kodek; kodek.AudioEncoder, kodek.LiveDecoder; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("rate", [1000, 8000, 44_100, 96_000])
def test_there_and_back(rate: int) -> None:
    for length in np.random.default_rng(rate).integers(1, 5000, 5):
        samples = tone(int(length), rate).samples
        data = kodek.encode_audio(samples, rate, 100)
        back, found = kodek.decode_audio(data)
        assert (found, back.shape, back.dtype) == (rate, samples.shape, np.float32)
        tensor, _ = kodek.decode_audio(data, "tensor")
        assert isinstance(tensor, torch.Tensor) and np.array_equal(tensor.numpy(), back)


def test_inputs() -> None:
    samples = tone(5000, channels=1).samples
    data = kodek.encode_audio(samples, 8000)
    for same in (samples[0], samples.astype(np.float64), torch.from_numpy(samples), torch.from_numpy(samples)[0]):
        assert kodek.encode_audio(same, 8000) == data
    assert kodek.encode_audio(samples, 8000, model=kodek.load("audio-toy-1")) == data
    assert kodek.encode_audio(samples, 8000, model="audio-toy") == data
    assert len(kodek.encode_audio(samples, 8000, target_kbps=1)) * 8 / 0.625 <= 1000


@pytest.mark.parametrize("rate", [1000, 44_100])
def test_pieces_are_the_whole(rate: int) -> None:
    samples = tone(30_000, rate).samples
    whole = kodek.encode_audio(samples, rate, 60, tags={"title": "a"})
    expected, _ = kodek.decode_audio(whole)
    for seed in range(3):
        encoder = kodek.AudioEncoder(rate, 2, 60, tags={"title": "a"})
        for piece in cuts(samples, seed):
            encoder.push(piece)
        assert encoder.finish() == whole
        decoder = kodek.AudioDecoder(whole)
        assert (decoder.rate, decoder.channels, decoder.length, decoder.tags) == (rate, 2, 30_000, {"title": "a"})
        pulled = [decoder.pull(count) for count in (0, 1, 7000)]
        assert [piece.shape for piece in pulled] == [(2, 0), (2, 1), (2, 7000)]
        assert np.array_equal(np.concatenate([*pulled, *decoder], axis=1), expected)
        assert decoder.pull(1).shape == (2, 0) and not decoder.damage


@pytest.mark.parametrize("rate", [1000, 16_000])
def test_live(rate: int) -> None:
    samples = tone(20_001, rate).samples
    streams = set()
    for seed in range(3):
        encoder = kodek.LiveEncoder(rate, 2, 80)
        streams.add(b"".join([*(encoder.push(piece) for piece in cuts(samples, seed)), encoder.finish()]))
    (stream,) = streams
    heard = []
    for size in (1, 50, len(stream)):
        decoder = kodek.LiveDecoder()
        assert (decoder.rate, decoder.channels, decoder.pull().shape) == (None, None, (0, 0))
        pieces = []
        for start in range(0, len(stream), size):
            decoder.push(stream[start : start + size])
            pieces.append(decoder.pull(None if size > 1 else 100))
        decoder.finish()
        pieces.append(decoder.pull())
        heard.append(np.concatenate([piece for piece in pieces if len(piece)], axis=1))
        assert (decoder.rate, decoder.channels, decoder.complete, decoder.damage) == (rate, 2, True, [])
    assert heard[0].shape == samples.shape
    assert np.array_equal(heard[0], heard[1]) and np.array_equal(heard[0], heard[2])


def test_sixty_milliseconds_go_in_before_the_first_come_out() -> None:
    encoder, decoder = kodek.LiveEncoder(1000, 1), kodek.LiveDecoder()
    samples, heard = tone(1000, 1000, 1).samples, 0
    for taken in range(1, 1001):
        decoder.push(encoder.push(samples[:, taken - 1 : taken]))
        heard += decoder.pull().shape[1]
        assert taken - heard <= 60


def test_damage() -> None:
    data = bytearray(kodek.encode_audio(tone(5000, 1000).samples, 1000))
    data[len(data) * 3 // 5] ^= 1
    with pytest.raises(kodek.CodecError):
        kodek.decode_audio(bytes(data))
    samples, _ = kodek.decode_audio(bytes(data), partial=True)
    decoder = kodek.AudioDecoder(bytes(data), partial=True)
    assert np.array_equal(np.concatenate(list(decoder), axis=1), samples)
    ((start, end),) = decoder.damage
    assert not samples[:, int(start * 1000) : int(end * 1000)].any() and samples.any()


@pytest.mark.parametrize(
    ("sound", "error"),
    [
        ("song.wav", TypeError),
        (np.zeros((2, 9), np.int16), TypeError),
        (torch.zeros(2, 9, dtype=torch.int16), TypeError),
        (np.zeros((2, 2, 9), np.float32), ValueError),
        (np.zeros((9, 9), np.float32), ValueError),
        (np.full((1, 9), np.nan, np.float32), ValueError),
        (np.zeros((1, 0), np.float32), ValueError),
        (np.zeros(0, np.float32), ValueError),
    ],
)
def test_other_things_are_refused(sound: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        kodek.encode_audio(sound, 8000)  # type: ignore[arg-type]


def test_other_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = tone(100).samples
    for options in ({"quality": 101}, {"quality": 5, "target_kbps": 6}, {"target_kbps": 0}):
        with pytest.raises(ValueError):
            kodek.encode_audio(samples, 8000, **options)
    with pytest.raises(ValueError):
        kodek.encode_audio(samples, 10)
    with pytest.raises(kodek.CodecError, match="codes pictures"):
        kodek.encode_audio(samples, 8000, model="tiny-fixture")
    with pytest.raises(kodek.CodecError, match="codes sound"):
        kodek.encode(np.zeros((9, 9), np.uint8), model="audio-toy-1")
    data = kodek.encode_audio(samples, 8000)
    with pytest.raises(ValueError, match="as_"):
        kodek.decode_audio(data, "wav")  # type: ignore[call-overload]
    with pytest.raises(kodek.CodecError, match="sound, not a picture"):
        kodek.decode(data)
    with pytest.raises(kodek.CodecError):
        kodek.decode_audio(data, max_seconds=0.001)
    monkeypatch.setattr("kodek.api_audio.MAX_SAMPLES", 199)
    with pytest.raises(kodek.CodecError, match="AudioDecoder"):
        kodek.decode_audio(data)
    encoder = kodek.AudioEncoder(8000, 2)
    with pytest.raises(ValueError, match="2 channels, not 1"):
        encoder.push(samples[:1])
