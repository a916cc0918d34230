"""Files and live streams of sound with the networks of `audio-rvq`, small and at random weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from kodek.codecs.audio import choice, file
from kodek.codecs.audio.codec import FILE_BLOCK, LIVE_BLOCK
from kodek.codecs.audio.file import AudioDecoder, AudioEncoder, cut_audio, verify_audio
from kodek.codecs.audio.live import LiveDecoder, LiveEncoder
from kodek.codecs.audio.model import AudioModel, Config
from kodek.codecs.container import ChunkKind, read_header
from kodek.train.export_sound import exported

RATE, HOP = 24000, 480


@pytest.fixture(scope="module", autouse=True, params=[0, 1], ids=["plain", "steady"])
def codec(request):
    torch.manual_seed(0)
    prior = {"width": 8, "depth": 1, "kernel": 3, "rank": 4}
    config = Config(
        width=16,
        latent=8,
        analysis_blocks=1,
        synthesis_blocks=1,
        kernel=3,
        stages=5,
        codes=32,
        prior=prior,
        steady=request.param,
    )
    codec = exported(AudioModel(config).eval(), "audio-rvq-0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "weights_of", lambda header: SimpleNamespace(path="small"))
        patch.setattr(file, "load_codec", lambda path, device: codec)
        yield codec


def noise(length, channels=1, seed=0):
    return (0.3 * np.random.default_rng(seed).standard_normal((channels, length))).astype(np.float32)


def pieces(samples, count, seed=0):
    cuts = np.random.default_rng(seed).integers(0, samples.shape[1] + 1, count)
    return np.split(samples, np.sort(cuts), axis=1)


def encode(codec, samples, count=0, **options):
    encoder = AudioEncoder(codec, len(samples), RATE, **(options or {"stages": 2}))
    for piece in pieces(samples, count):
        encoder.push(piece)
    return encoder.finish(samples.shape[1])


def decode(data, **options):
    decoder = AudioDecoder(data, **options)
    return np.concatenate(list(decoder), axis=1), decoder


@pytest.mark.parametrize("length", [1, 479, 480, 481, 24000 - 480, 24000 - 479])
def test_any_length_in_any_pieces(codec, length, monkeypatch):
    monkeypatch.setattr(choice, "PRICE", 0.0)  # which live streams don't look at
    samples = noise(length, 2)
    data = encode(codec, samples)
    assert encode(codec, samples, 7) == data
    whole, _ = decode(data)
    assert whole.shape == samples.shape and whole.dtype == np.float32
    assert verify_audio(data) == []

    outcomes = []
    for count in (0, 7):
        encoder, decoder = LiveEncoder(codec, 2, RATE, 2), LiveDecoder()
        stream = b"".join(encoder.push(piece) for piece in pieces(samples, count)) + encoder.finish(length)
        parts = [decoder.push(stream[at : at + 999]) for at in range(0, len(stream), 999)] + [decoder.finish()]
        outcomes.append((stream, np.concatenate([part for part in parts if len(part)], axis=1)))
        assert decoder.complete and not decoder.damage
    assert outcomes[0][0] == outcomes[1][0] and np.array_equal(outcomes[0][1], outcomes[1][1])
    if not codec.steady:
        assert np.abs(outcomes[0][1] - whole).max() < 1e-4, "the same codes in blocks of another size"


def test_steady_codes_of_a_live_stream_are_those_of_the_second_before(codec):
    second = noise(RATE) + np.repeat(np.array([0.5, -0.5], np.float32), RATE // 2)
    samples = np.concatenate((second, second, noise(RATE, seed=1)), 1)
    live, whole = codec.analyser(1, LIVE_BLOCK), codec.analyser(1, FILE_BLOCK)
    streamed, filed = live.push(samples), whole.push(samples)
    assert streamed.shape == filed.shape == (1, 5, 150)
    for start in (0, 50, 100) if codec.steady else ():
        held = streamed[:, : codec.steady, start : start + 50]
        assert (held == held[..., :1]).all()
        if start:
            assert np.array_equal(held, filed[:, : codec.steady, start - 50 : start])


@torch.inference_mode()
def test_the_last_segment_is_no_longer_than_the_sound(codec, monkeypatch):
    """Its codes are chosen without the silence behind it."""
    monkeypatch.setattr(choice, "PRICE", 0.0)
    samples = noise(RATE + 12 * HOP) + 0.5
    analyser = codec.analyser(1, FILE_BLOCK)
    codes = np.concatenate((analyser.push(samples), analyser.finish()), 2)
    z = codec.analysis(torch.from_numpy(np.pad(samples, ((0, 0), (0, HOP)))))
    assert codes.shape[2] == z.shape[1] == 63
    last = codec.quantiser.encode(z[:, 50:], 5).numpy()
    assert np.mean(codes[..., 50:] == last) > 0.98 and np.array_equal(codes[:, :1, 50], last[:, :1, 0])


def test_damage_stays_where_it_is(codec):
    """Networks remember a few frames, and the others are the same to the bit."""
    data = encode(codec, noise(5 * RATE))
    entry = [entry for entry in read_header(data).entries if entry.kind == ChunkKind.PAYLOAD][2]
    damaged = bytearray(data)
    damaged[entry.start + entry.size // 2] ^= 1
    good, bad = decode(data)[0], decode(bytes(damaged), partial=True)[0]
    start, end = 2 * RATE - HOP, 3 * RATE - HOP
    assert verify_audio(bytes(damaged)) == [(start / RATE, end / RATE)]
    assert np.array_equal(bad[:, :start], good[:, :start]) and not bad[:, start:end].any()
    assert np.array_equal(bad[:, end + 10 * HOP :], good[:, end + 10 * HOP :])


def test_channels_that_are_alike_are_coded_once(codec):
    samples = noise(2 * RATE)
    six = np.repeat(samples, 6, axis=0)
    data = encode(codec, six)
    assert len(data) == len(encode(codec, samples))
    decoded, _ = decode(data)
    assert decoded.shape == six.shape and np.abs(decoded - decoded[:1]).max() < 1e-6


def test_cuts_and_targets(codec):
    samples = noise(12 * RATE)
    full = encode(codec, samples, stages=5)
    assert cut_audio(full, stages=2) == encode(codec, samples)
    for kbps in (0.5, 0.8):
        data = encode(codec, samples, target_kbps=kbps)
        assert 0.95 * kbps <= len(data) * 8 / 12 / 1000 <= kbps
        assert cut_audio(full, kbps=kbps) == data
        assert decode(data)[0].shape == samples.shape
