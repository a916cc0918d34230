"""Files of sound: streams equal wholes, damage costs its second, cuts and targets are met. Networks are a toy's."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.codecs.audio import file
from kodek.codecs.audio.file import AudioDecoder, AudioEncoder, cut_audio, verify_audio
from kodek.codecs.audio.samples import codec_length
from kodek.codecs.container import Chunk, ChunkKind, Limits, read_header, write
from kodek.codecs.errors import CodecError, DamagedError, FormatError, LimitError, MismatchError, TargetError

from .mutate import mutations
from .toy_audio import ToyCodec

CODEC = ToyCodec()
STEP = 2 / 16  # of the toy's first stage


@pytest.fixture(autouse=True, scope="module")
def toy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "weights_of", lambda header: SimpleNamespace(path="toy"))
        patch.setattr(file, "load_codec", lambda path, device: CODEC)
        yield


def sound(seconds, channels=1, seed=0):
    """Constant over each frame, so that the toy keeps it well."""
    values = np.random.default_rng(seed).uniform(-1, 1, (channels, math.ceil(seconds * 50)))
    return np.repeat(values, 20, axis=1).astype(np.float32)[:, : round(seconds * 1000)]


def encode(samples, cuts=(), rate=1000, length=None, **options):
    options = {"stages": 4} | options if "target_kbps" not in options else options
    encoder = AudioEncoder(CODEC, len(samples), rate, **options)
    for piece in np.split(samples, sorted(cuts), axis=1):
        encoder.push(piece)
    return encoder.finish(samples.shape[1] if length is None else length)


def decode(data, **options):
    decoder = AudioDecoder(data, **options)
    return np.concatenate(list(decoder), axis=1), decoder


def payloads(data):
    return [entry for entry in read_header(data).entries if entry.kind == ChunkKind.PAYLOAD]


def damaged(data, *seconds):
    out = bytearray(data)
    for second in seconds:
        entry = payloads(data)[second]
        out[entry.start + entry.size // 2] ^= 0x55
    return bytes(out)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4000), st.integers(1, 3), st.lists(st.integers(0, 4000), max_size=8), st.integers(1, 6))
def test_any_pieces_give_the_same_bytes_and_the_length(length, channels, cuts, stages):
    samples = sound(4, channels)[:, :length]
    data = encode(samples, stages=stages)
    assert encode(samples, cuts, stages=stages) == data
    decoded, decoder = decode(data)
    assert decoded.shape == samples.shape and decoded.dtype == np.float32
    assert decoder.header.length == length and not decoder.damage
    whole = length // 20 * 20
    assert np.abs(decoded - samples)[:, :whole].max(initial=0) <= 1.01 / 16**stages
    assert verify_audio(data) == []


@settings(deadline=None)
@given(st.integers(1, 10**9), st.integers(1000, 768_000))
def test_enough_samples_come_back(length, rate):
    at_codec = codec_length(length, rate, 24000)
    assert at_codec * rate // 24000 >= length > (at_codec - 1) * rate / 24000


def test_rate_and_length_of_the_original_are_kept():
    samples = sound(0.5)
    data = encode(samples[:, :454], rate=44100, length=20000)  # ceil(453.5)
    assert encode(samples[:, :453], rate=44100, length=20000)[:20] == data[:20], "one less is as rounding gives"
    header = AudioDecoder(data).header
    assert (header.rate, header.length, header.seconds) == (44100, 20000, 20000 / 44100)
    assert decode(data)[0].shape == (1, 454)
    for pushed in (452, 455):
        with pytest.raises(ValueError, match="are not"):
            encode(samples[:, :pushed], rate=44100, length=20000)


def test_a_second_is_one_chunk_and_few_bytes():
    data = encode(sound(0.9))
    assert not data[3] >> 4, "the layout without a directory"
    header = AudioDecoder(data).header
    segment = CODEC.encode_segments([CODEC.analyser(1, 50).push(sound(2))[:, :4, :46]], 0)[0]
    assert len(data) - len(segment.payload) <= 30
    short, long = encode(sound(10)), encode(sound(110))
    coded = sum(entry.size - 1 for entry in payloads(long)) - sum(entry.size - 1 for entry in payloads(short))
    assert (len(long) - len(short) - coded) / 100 <= 8
    assert header.stages == 4


def test_tags():
    tags = {"title": "Wér", "artist": "", "": "x", "lyrics": "la " * 1000}
    data = encode(sound(2.5), tags=tags)
    assert AudioDecoder(data).tags == tags
    assert list(AudioDecoder(data).tags) == list(tags)
    assert AudioDecoder(encode(sound(0.1), tags=tags)).tags == tags
    assert AudioDecoder(encode(sound(0.1), tags={})).tags == {}
    with pytest.raises(ValueError):
        encode(sound(0.1), tags={"title": "\ud800"})


@pytest.mark.parametrize("content", [b"\x05abc", b"\x01a", b"\x01a\x01\xff", b"\x80\x00"])
def test_malformed_tags(content):
    good = encode(sound(0.5))
    header, entry = AudioDecoder(good).header, payloads(good)[0]
    payload = Chunk(ChunkKind.PAYLOAD, good[entry.start : entry.start + entry.size])
    data = write(header, [payload, Chunk(ChunkKind.TAGS, content)])
    with pytest.raises(FormatError):
        AudioDecoder(data)
    with pytest.raises(FormatError):
        verify_audio(data)
    decoded, decoder = decode(data, partial=True)
    assert decoder.tags == {} and np.array_equal(decoded, decode(good)[0])


def test_channels_that_are_alike_are_coded_once():
    mono = sound(3)
    stereo = np.concatenate((mono, mono))
    data = encode(stereo)
    assert len(data) == len(encode(mono))
    decoded, _ = decode(data)
    assert decoded.shape == stereo.shape and np.array_equal(decoded[0], decoded[1])
    stereo[1, 2500] *= -1
    assert len(encode(mono)) < len(encode(stereo)) < 1.5 * len(encode(mono)), "one second of three differs"
    with pytest.raises(TargetError):
        cut_audio(data, stages=5)
    assert np.array_equal(*decode(cut_audio(data, stages=1))[0])


def test_one_damaged_second_costs_that_second():
    samples = sound(6, 2)
    data = encode(samples)
    bad = damaged(data, 2)
    with pytest.raises(DamagedError, match=r"1\.98 to 2\.98 s can't be decoded"):
        AudioDecoder(bad)
    with pytest.raises(DamagedError):
        cut_audio(bad, stages=1)
    decoded, decoder = decode(bad, partial=True)
    assert decoder.damage == [(1.98, 2.98)] == verify_audio(bad)
    good, _ = decode(data)
    assert not decoded[:, 1980:2980].any()
    kept = np.r_[:1980, 2980:6000]
    assert np.array_equal(decoded[:, kept], good[:, kept])


def test_neighbours_are_one_span_and_many_are_named_in_few_words():
    data = encode(sound(40))
    assert verify_audio(damaged(data, 0, 1, 40)) == [(0, 1.98), (39.98, 40)]
    with pytest.raises(DamagedError, match="and 12 more places can't"):
        AudioDecoder(damaged(data, *range(0, 40, 2)))


@pytest.mark.parametrize("tags", [{}, {"title": "t"}])
def test_truncated_files_decode_to_their_end(tags):
    samples = sound(5)
    data = encode(samples, tags=tags)
    good, _ = decode(data)
    first, whole_tags = read_header(data).entries[0].start, payloads(data)[0].start
    for length in range(len(data)):
        with pytest.raises(CodecError):
            decode(data[:length])
        if length < first:
            with pytest.raises(CodecError):
                decode(data[:length], partial=True)
        elif length % 7 == 0:
            decoded, decoder = decode(data[:length], partial=True)
            whole = sum(entry.start + entry.size <= length for entry in payloads(data))
            end = max(0, whole * 1000 - 20)
            assert decoder.damage == [(end / 1000, 5)]
            if length >= whole_tags:
                assert verify_audio(data[:length]) == decoder.damage
            assert np.array_equal(decoded[:, :end], good[:, :end]) and not decoded[:, end:].any()
            assert decoder.tags == (tags if length >= whole_tags else {})


def test_bytes_behind_the_end():
    data = encode(sound(3)) + b"?"
    for refuse in (decode, verify_audio):
        with pytest.raises(DamagedError, match="follow"):
            refuse(data)
    assert decode(data, partial=True)[1].damage == []


def test_damage_with_right_checksums():
    """Payloads that are none, with checksums that say they are; other hashes; wrong numbers of chunks."""
    data = encode(sound(3))
    header, contents = AudioDecoder(data).header, read_header(data)
    chunks = [Chunk(entry.kind, data[entry.start : entry.start + entry.size]) for entry in contents.entries]
    broken = [b"", b"\x03", b"\x04" + chunks[1].data[1:], b"\x83" + chunks[1].data[1:], chunks[1].data + b"\1"]
    for content in broken:
        other = write(header, [chunks[0], Chunk(ChunkKind.PAYLOAD, content), *chunks[2:]])
        with pytest.raises(DamagedError):
            decode(other)
        assert verify_audio(other) == [(0.98, 1.98)]
    with pytest.raises(DamagedError, match="3 payloads, not 4"):
        decode(write(header, chunks[:3]), partial=True)
    swapped = write(header, [chunks[1], chunks[0], *chunks[2:]])
    for refuse in (decode, verify_audio, lambda data: cut_audio(data, stages=1)):
        with pytest.raises(MismatchError):
            refuse(swapped)
    with pytest.raises(FormatError, match="9 stages"):
        decode(write(type(header)(**{**vars(header), "stages": 9}), chunks))


def test_mutations_are_never_decoded_in_silence():
    good = encode(sound(2.2, 2), tags={"a": "b"})
    samples, _ = decode(good)
    refused = 0
    for data in mutations(good, 600):
        for partial in (False, True):
            try:
                decoded, decoder = decode(data, partial=partial, limits=Limits(max_seconds=60))
            except CodecError as error:
                assert str(error).endswith(".")
                refused += 1
                continue
            assert partial or data == good or np.array_equal(decoded, samples)
            assert decoded.shape == (2, codec_length(decoder.header.length, decoder.header.rate, 1000))
    assert refused > 600


def test_cut_to_stages():
    data = encode(sound(4), tags={"title": "t"})
    assert cut_audio(data, stages=4) == data
    short = cut_audio(data, stages=2)
    assert short == encode(sound(4), stages=2, tags={"title": "t"})
    with pytest.raises(TargetError, match="has 4 stages, so it can't be cut to 5"):
        cut_audio(data, stages=5)
    for wrong in ({}, {"stages": 1, "kbps": 1.0}, {"stages": 0}, {"kbps": -1.0}):
        with pytest.raises(ValueError, match="give one"):
            cut_audio(data, **wrong)


@pytest.mark.parametrize("kbps", [0.4, 0.5, 0.71, 1.0])
def test_targets(kbps):
    samples = sound(30)
    data = encode(samples, target_kbps=kbps, tags={"title": "t"})
    assert 0.98 * kbps <= len(data) * 8 / 30 / 1000 <= kbps
    assert decode(data)[0].shape == samples.shape
    assert cut_audio(encode(samples, stages=6, tags={"title": "t"}), kbps=kbps) == data
    assert max(first(data)) - min(first(data)) <= 1


def first(data):
    return [data[entry.start] for entry in payloads(data)]


def test_the_stages_of_a_target_are_evenly_spread():
    data = first(encode(sound(40), target_kbps=0.6))
    more = np.array(data) > min(data)
    halves = more[:20].mean(), more[20:].mean()
    assert 0.1 < more.mean() < 0.9 and abs(halves[0] - halves[1]) <= 0.1


def test_targets_out_of_range():
    with pytest.raises(TargetError, match=r"target of 0\.10 kbit/s can't be met: the smallest file has 0\.\d\d kbit/s"):
        encode(sound(10), target_kbps=0.1)
    assert encode(sound(10), target_kbps=100) == encode(sound(10), stages=6), "the best there is"
    data = encode(sound(10))
    with pytest.raises(TargetError, match=r"has 0\.\d\d kbit/s, so it can't be cut to 2\.00 kbit/s"):
        cut_audio(data, kbps=2)
    with pytest.raises(TargetError, match="can't be met"):
        cut_audio(data, kbps=0.1)


def test_targets_of_a_second_take_the_largest_file_within():
    samples = sound(0.9)
    sizes = [len(encode(samples, stages=stages)) for stages in range(1, 7)]
    for limit in range(sizes[0], sizes[-1] + 9):
        data = encode(samples, target_kbps=limit * 8.001 / 900)
        assert len(data) == max(size for size in sizes if size <= limit)


@pytest.mark.parametrize(
    "samples", [np.zeros((1, 1)), np.zeros((2, 3000)), np.ones((1, 2500)), np.full((1, 1111), -2.0)], ids=str
)
def test_silence_dc_and_clipping(samples):
    decoded, _ = decode(encode(samples.astype(np.float32), stages=6))
    whole = samples.shape[1] // 20 * 20
    assert np.abs(decoded - samples.clip(-1, 1))[:, :whole].max(initial=0) < 0.001


def test_what_is_no_sound():
    with pytest.raises(ValueError, match="at least one sample"):
        encode(np.zeros((1, 0), np.float32))
    for channels in (0, 9):
        with pytest.raises(ValueError, match="channels"):
            AudioEncoder(CODEC, channels, 1000, stages=1)
    for rate in (0, 768_001):
        with pytest.raises(ValueError, match="rate"):
            AudioEncoder(CODEC, 1, rate, stages=1)
    for options in (
        {},
        {"stages": 7},
        {"stages": 0},
        {"stages": 1, "target_kbps": 1.0},
        {"target_kbps": 0.0},
        {"target_kbps": math.nan},
    ):
        with pytest.raises(ValueError, match=r"stages|target"):
            AudioEncoder(CODEC, 1, 1000, **options)
    encoder = AudioEncoder(CODEC, 1, 1000, stages=1)
    for samples in (np.zeros(5, np.float32), np.zeros((2, 5), np.float32), np.zeros((1, 5))):
        with pytest.raises(ValueError, match="float32"):
            encoder.push(samples)
    with pytest.raises(ValueError, match="finite"):
        encoder.push(np.full((1, 5), np.nan, np.float32))


def test_limits(monkeypatch):
    data = encode(sound(5))
    decode(data, limits=Limits(max_seconds=5))
    with pytest.raises(LimitError, match="5 seconds of sound, more than the limit of 4"):
        AudioDecoder(data, limits=Limits(max_seconds=4))
    monkeypatch.setattr(file, "MAX_SECONDS", 3)
    with pytest.raises(LimitError, match="longer"):
        encode(sound(4))


def test_hours_fit_the_directory():
    """18 hours are the most, as is said where one encodes."""
    assert -(-CODEC.frames(file.MAX_SECONDS * CODEC.rate) // 50) + 1 <= Limits.max_chunks
