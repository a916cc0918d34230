"""Live streams of sound: any pieces, 4 bytes a packet, loss costs a second at most. Networks are a toy's."""

from __future__ import annotations

import random
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.codecs.audio import file
from kodek.codecs.audio.live import LiveDecoder, LiveEncoder
from kodek.codecs.audio.packets import (
    END_SIZE,
    RESTART,
    End,
    Packet,
    PacketReader,
    read_start,
    write_end,
    write_packet,
    write_start,
)
from kodek.codecs.audio.samples import codec_length
from kodek.codecs.container import Limits, LiveHeader, read_header
from kodek.codecs.errors import CodecError, DamagedError, FormatError, LimitError, MismatchError, VersionError

from .toy_audio import ToyCodec

CODEC = ToyCodec()


@pytest.fixture(autouse=True, scope="module")
def toy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "weights_of", lambda header: SimpleNamespace(path="toy"))
        patch.setattr(file, "load_codec", lambda path, device: CODEC)
        yield


def sound(length, channels=1, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (channels, -(-length // 20)))
    return np.repeat(values, 20, axis=1).astype(np.float32)[:, :length]


def encode(samples, cuts=(), rate=1000, length=None, stages=3):
    """The start, then what came of each piece and of the end."""
    encoder = LiveEncoder(CODEC, len(samples), rate, stages)
    out = [encoder.push(piece) for piece in np.split(samples, sorted(cuts), axis=1)]
    return [*out, encoder.finish(samples.shape[1] if length is None else length)]


def decode(data, cuts=(), **options):
    decoder = LiveDecoder(**options)
    pieces = [decoder.push(bytes(piece)) for piece in np.split(np.frombuffer(data, np.uint8), sorted(cuts))]
    pieces.append(decoder.finish())
    return np.concatenate([piece for piece in pieces if len(piece)], 1), decoder


def packets(data):
    """Where packets begin, the announcement of the last one left out, and where they end."""
    _, at = read_start(data[:24])
    places = []
    while at < len(data):
        length = int.from_bytes(data[at + 1 : at + 4], "little") & 2047
        if length:
            places.append((at, at + 4 + length))
        at += 4 + (length or END_SIZE)
    return places


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 3000),
    st.integers(1, 3),
    st.lists(st.integers(0, 3000), max_size=8),
    st.lists(st.integers(0, 3000), max_size=8),
    st.integers(1, 6),
)
def test_any_pieces_give_the_same(length, channels, cuts, byte_cuts, stages):
    samples = sound(length, channels)
    data = b"".join(encode(samples, stages=stages))
    assert b"".join(encode(samples, cuts, stages=stages)) == data
    decoded, decoder = decode(data)
    assert decoded.shape == samples.shape and decoded.dtype == np.float32
    assert decoder.complete and decoder.length == length and not decoder.damage
    whole = length // 20 * 20
    assert np.abs(decoded - samples)[:, :whole].max(initial=0) <= 1.01 / 16**stages
    assert np.array_equal(decode(data, byte_cuts)[0], decoded)


def test_overhead_and_delay():
    """4 bytes a packet of 40 ms; a packet is there as soon as its frames are, and plays at once."""
    encoder, decoder = LiveEncoder(CODEC, 1, 1000, 3), LiveDecoder()
    start = encoder.push(np.zeros((1, 0), np.float32))
    assert len(start) <= 21 and decoder.push(start).shape == (0, 0) and decoder.header is None
    reader, heard = PacketReader(read_start(start + bytes(4))[0].seed, 60), 0
    for number in range(100):
        data = encoder.push(sound(40, seed=number))
        (packet,) = reader.push(data)
        assert len(data) == 4 + len(packet.payload)
        heard += decoder.push(data).shape[1]
        assert heard == 40 * number + 20
    assert decoder.rate == 1000 and decoder.header.channels == 1 and not decoder.complete


def test_rate_and_length_of_the_original_are_kept():
    data = b"".join(encode(sound(454), rate=44100, length=20000))
    decoded, decoder = decode(data)
    assert decoded.shape == (1, codec_length(20000, 44100, 1000)) == (1, 454)
    assert decoder.header.rate == 44100 and decoder.length == 20000
    with pytest.raises(ValueError, match="are not"):
        encode(sound(455), rate=44100, length=20000)
    with pytest.raises(ValueError, match="at least one"):
        encode(sound(1), length=0)


def test_channels_that_are_alike_are_coded_once():
    mono = sound(2000)
    stereo = np.concatenate((mono, mono))
    assert len(b"".join(encode(stereo))) == len(b"".join(encode(mono)))
    stereo[1, 1000:1040] = 0.3
    decoded, _ = decode(b"".join(encode(stereo)))
    assert np.abs(decoded - stereo).max() < 0.001


def lost(number):
    """The samples that are silent when a packet is lost: until the next one that knows no others."""
    end = -(-(number + 1) // RESTART) * RESTART
    return max(0, 40 * number - 20), 40 * end - 20


@pytest.mark.parametrize("number", [0, 3, 24, 25, 260])
@pytest.mark.parametrize("kind", ["bit", "length", "removed", "inserted"])
def test_a_damaged_packet_costs_its_second(number, kind):
    data = b"".join(encode(sound(12000)))
    good, _ = decode(data)
    start, end = packets(data)[number]
    if kind == "bit":
        bad = bytearray(data)
        bad[end - 1] ^= 1
    elif kind == "length":
        bad = bytearray(data)
        bad[start + 1] ^= 0x24
    elif kind == "removed":
        bad = data[:start] + data[end:]
    else:
        bad = data[: start + 3] + b"?" * 100 + data[start + 3 :]
    for cuts in ((), range(0, len(data), 7)):
        decoded, decoder = decode(bytes(bad), cuts)
        first, last = lost(number)
        assert decoder.complete and decoder.damage == [(first / 1000, last / 1000)]
        assert not decoded[:, first:last].any()
        kept = np.r_[:first, last:12000]
        assert np.array_equal(decoded[:, kept], good[:, kept])


def test_many_lost_packets():
    """Seconds of loss are told from the numbers, up to ten of them."""
    data = b"".join(encode(sound(20000)))
    places = packets(data)
    good, _ = decode(data)
    decoded, decoder = decode(data[: places[60][0]] + data[places[290][0] :])
    assert decoder.complete and decoder.damage == [(2.38, 11.98)]
    assert np.array_equal(decoded[:, 11980:], good[:, 11980:]) and decoded.shape == good.shape
    decoded, decoder = decode(data[: places[60][0]] + data[places[400][0] :])
    assert not decoder.complete, "ten seconds are missing that nobody knows of"


def test_truncated_streams_play_to_their_end():
    data = b"".join(encode(sound(1700, 2)))
    good, _ = decode(data)
    for length in (*range(24, len(data), 11), *range(len(data) - 30, len(data))):
        decoded, decoder = decode(data[:length])
        whole = sum(end <= length for _, end in packets(data))
        if decoder.complete:
            assert decoded.shape == good.shape and whole == len(packets(data)) - 1
            assert decoder.damage == [((40 * whole - 20) / 1000, (40 * whole + 20) / 1000)]
        else:
            assert np.array_equal(decoded, good[:, : max(0, 40 * whole - 20)]) and not decoder.damage


def test_a_lost_last_packet():
    data = b"".join(encode(sound(970)))
    start, end = packets(data)[-1]
    bad = bytearray(data)
    bad[end - 1] ^= 1
    for damaged in (bytes(bad), data[:start]):
        decoded, decoder = decode(damaged)
        assert decoded.shape == (1, 970) and decoder.complete and decoder.damage == [(0.94, 0.98)]
    assert decode(data + b"more of it" * 50)[0].shape == (1, 970), "nothing follows the last one"


def test_starts():
    header = LiveHeader(bytes(range(8)), 2, 44100, 12, 0)
    start = write_start(header)
    assert start.hex() == "4b444b8112c3d80200010203040506070b2c254c9e" and len(start) == 21
    assert read_start(start + bytes(3)) == (header, 21)
    with pytest.raises(FormatError, match="live stream of sound, not a"):
        read_header(start + bytes(10))
    for at in range(21):
        for change in (1, 0x80, 0xFF):
            bad = bytearray(start + bytes(3))
            bad[at] ^= change
            with pytest.raises((DamagedError, VersionError, FormatError)):
                read_start(bytes(bad))
    for data in (b"", start[:20], b"RIFF" + bytes(50), bytes(50)):
        with pytest.raises(CodecError):
            decode(data)
    with pytest.raises(FormatError, match="no live stream"):
        decode(b"KDK\x01" + bytes(40))
    with pytest.raises(FormatError, match="9 stages"):
        decode(write_start(LiveHeader(bytes(8), 1, 1000, 9, 0)) + bytes(10))
    for change in ({"channels": 9}, {"rate": 0}, {"stages": 129}):
        with pytest.raises(ValueError, match=next(iter(change))):
            write_start(LiveHeader(**{**vars(header), **change}))
    for stages in (0, 7):
        with pytest.raises(ValueError, match="stages"):
            LiveEncoder(CODEC, 1, 1000, stages)


def test_golden_packets():
    assert write_packet(Packet(249, True, b"abc"), 0).hex() == "f903d8ad616263"
    assert write_end(End(3, 1000, 0xDEADBEEF), 0).hex() == "03006073e803000000000000efbeadde"
    for payload in (b"", bytes(2048)):
        with pytest.raises(ValueError, match="bytes"):
            write_packet(Packet(0, False, payload), 0)


@settings(deadline=None)
@given(
    st.lists(st.builds(Packet, st.integers(0, 249), st.booleans(), st.binary(min_size=1, max_size=60)), max_size=20),
    st.integers(0, 2**32 - 1),
    st.data(),
)
def test_packets_round_trip_in_any_pieces(sent, seed, data):
    stream = b"".join(write_packet(packet, seed) for packet in sent) + write_end(End(0, 2**63, 1), seed)
    reader, found = PacketReader(seed, 60), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.push(stream[start:end])
    assert found == [*sent, End(0, 2**63, 1)]


def test_other_codes_than_were_coded():
    encoder = LiveEncoder(CODEC, 1, 1000, 2)
    data = encoder.push(sound(100))
    encoder._hash ^= 1
    with pytest.raises(MismatchError):
        decode(data + encoder.finish(100))


def test_hostile_streams_are_bounded():
    """Noise, repaired damage, jumps of the numbers: no crash, no more output than limits allow, in little time."""
    good = b"".join(encode(sound(3000)))
    start, places, seed = good[:21], packets(good), read_start(good[:24])[0].seed
    rng = random.Random(1)
    began = time.perf_counter()
    for _ in range(60):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(21, len(data))
            data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        assert decode(bytes(data))[0].shape[1] <= 20_000
    decode(start + rng.randbytes(20_000))
    contents = [good[begin + 4 : end] for begin, end in places]
    jumps = [Packet(249 * number % 250, False, rng.choice(contents)) for number in range(1000)]
    with pytest.raises(DamagedError, match="more of it is lost than came"):
        decode(start + b"".join(write_packet(packet, seed) for packet in jumps))
    silent = [Packet(number % 250, False, b"?") for number in range(2600)]
    lies = start + b"".join(write_packet(packet, seed) for packet in silent)
    with pytest.raises(LimitError, match="limit of 100 seconds"):
        decode(lies, limits=Limits(max_seconds=100))
    decoded, decoder = decode(lies + write_end(End(100, 2**63, 0), seed))
    assert not decoder.complete and decoder.damage == [(0, 103.98)] and decoded.shape == (1, 103_980)
    assert time.perf_counter() - began < 60


def test_a_header_of_a_file_is_that_of_a_stream_and_more():
    encoder = file.AudioEncoder(CODEC, 2, 44100, stages=3)
    encoder.push(sound(23, 2))
    data = encoder.finish(1000)
    assert data[4:17] == write_start(LiveHeader(CODEC.generation, 2, 44100, 3, 0))[4:17]
