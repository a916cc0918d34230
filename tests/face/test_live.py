"""``--live``: sound through stdin and stdout as it comes, with a toy of 1 kHz in place of the codec."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Audio, pcm_bytes, read_audio, wav_start, write_flac, write_wav

from kodek.cli.live import Interrupt

from .conftest import Kodek
from .test_sound import tone

pytestmark = pytest.mark.usefixtures("toy")


def wav(audio: Audio, bits: int = 16) -> bytes:
    file = io.BytesIO()
    write_wav(file, audio, bits)
    return file.getvalue()


def heard(stream: bytes, kodek: Kodek) -> Audio:
    result = kodek("decode", "--live", "-", "-", stdin=stream)
    assert (result.code, result.err) == (0, "")
    return read_audio(io.BytesIO(result.out))


@pytest.mark.parametrize("rate", [1000, 8000, 44_100])
@pytest.mark.parametrize("length", [1, 39, 12_345])
def test_there_and_back(kodek: Kodek, rate: int, length: int) -> None:
    result = kodek("encode", "--live", "-", "-", "-q", 100, stdin=wav(tone(length, rate)))
    assert (result.code, result.err) == (0, "")
    found = heard(result.out, kodek)
    assert (found.rate, found.samples.shape) == (rate, (2, length))


def test_every_input_gives_the_same_stream(tmp_path: Path, kodek: Kodek) -> None:
    audio = tone(9000)
    write_flac(tmp_path / "a.flac", audio)
    audio = read_audio(tmp_path / "a.flac")
    raw = pcm_bytes(audio.samples, 16)
    expected = kodek("encode", "--live", "-", stdin=wav(audio)).out
    assert expected.startswith(b"KDK")
    assert kodek("encode", "--live", "--rate", 8000, "--channels", 2, "-", "-", stdin=raw).out == expected
    assert kodek("encode", "--live", "-", stdin=wav_start(2, 8000, 16) + raw).out == expected
    assert kodek("encode", "--live", "-", stdin=wav(audio, 32)).out == expected
    assert kodek("encode", "--live", tmp_path / "a.flac", tmp_path / "a.live").code == 0
    assert (tmp_path / "a.live").read_bytes() == expected
    (tmp_path / "a.raw").write_bytes(raw + b"x")
    assert kodek("encode", "--live", "--rate", 8000, "--channels", 2, tmp_path / "a.raw", "-").out == expected


def test_outputs(tmp_path: Path, kodek: Kodek) -> None:
    stream = kodek("encode", "--live", "-", stdin=wav(tone(5000))).out
    samples = heard(stream, kodek).samples
    raw = kodek("decode", "--live", "-", "--format", "s16le", stdin=stream).out
    assert np.array_equal(np.frombuffer(raw, "<i2").reshape(-1, 2).T, samples * 32768)
    for name in ("a.wav", "a.flac"):
        assert kodek("decode", "--live", "-", tmp_path / name, stdin=stream).code == 0
        assert np.array_equal(read_audio(tmp_path / name).samples, samples)
    (tmp_path / "a.live").write_bytes(stream)
    assert kodek("decode", "--live", tmp_path / "a.live", "-", "--format", "s16le").out == raw


def test_what_is_lost_is_silent(kodek: Kodek) -> None:
    stream = kodek("encode", "--live", "-", stdin=wav(tone(40_000))).out
    for bad in (stream[: len(stream) // 2], stream[: len(stream) // 2] + b"??" + stream[len(stream) // 2 + 9 :]):
        result = kodek("decode", "--live", "-", "-", stdin=bad)
        assert result.code == 9 and result.err.count("\n") == 1 and "stdin" in result.err
        assert read_audio(io.BytesIO(result.out)).samples.shape[1] > 10_000


def test_what_is_refused(tmp_path: Path, kodek: Kodek) -> None:
    (tmp_path / "a.kdk").write_bytes(kodek("encode", "-", "-", stdin=wav(tone(5000))).out)
    (tmp_path / "a.live").write_bytes(kodek("encode", "--live", "-", stdin=wav(tone(5000))).out)
    empty = wav(Audio(np.zeros((1, 0), np.float32), 8000))
    for arguments, stdin, code in (
        (("encode", "--live", "-", "-"), b"hello", 3),
        (("encode", "--live", "-", "-"), b"", 3),
        (("encode", "--live", "-", "-"), wav(tone(9))[:30], 3),
        (("encode", "--live", "-", "-"), wav(tone(9), 24), 3),
        (("encode", "--live", "-", "-"), wav(tone(9, channels=9)), 3),
        (("encode", "--live", "-", "-"), empty, 3),
        (("encode", "--live", "-", "-", "--target-kbps", "6"), wav(tone(9)), 2),
        (("encode", "--live", "-", "-", "--json"), wav(tone(9)), 2),
        (("encode", "--live", "-", "-", "--channels", "2"), wav(tone(9)), 2),
        (("encode", "--live", "-", "-", "--effort", "2"), wav(tone(9)), 2),
        (("encode", "--live", tmp_path / "none.wav", "-"), b"", 3),
        (("decode", "--live", "-", "-"), b"", 4),
        (("decode", "--live", "-", "-"), b"hello " * 9, 4),
        (("decode", "--live", tmp_path / "a.kdk", "-"), b"", 4),
        (("decode", "--live", tmp_path / "a.live", "-", "--format", "png"), b"", 2),
        (("decode", "--live", tmp_path / "a.live", tmp_path / "a.png"), b"", 2),
        (("decode", "--live", tmp_path / "a.live", "-", "--format", "s16le", "--depth", "24"), b"", 2),
        (("decode", tmp_path / "a.live", tmp_path / "a.wav"), b"", 4),
        (("info", tmp_path / "a.live"), b"", 4),
    ):
        result = kodek(*arguments, stdin=stdin)
        assert (result.code, result.out, result.err.count("\n")) == (code, b"", 1), (arguments, result)
    assert not (tmp_path / "a.wav").exists()


def test_interrupt_ends_the_pieces() -> None:
    def pieces():
        yield 1
        yield 2
        os.kill(os.getpid(), signal.SIGINT)  # while the next one is waited for
        time.sleep(9)

    with Interrupt() as interrupt:
        assert list(interrupt.guard(pieces())) == [1, 2] and interrupt.seen
    with Interrupt() as interrupt:
        found = []
        for piece in interrupt.guard(iter(range(9))):
            found.append(piece)
            if piece == 3:
                os.kill(os.getpid(), signal.SIGINT)  # while one is worked on
        assert found == [0, 1, 2, 3] and interrupt.seen
    with pytest.raises(KeyboardInterrupt), Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


DRIVER = """
import sys
from tests.codecs.toy_audio import ToyCodec
from kodek import api, cli
from kodek.codecs.audio import file
api.DEFAULT_CODECS["audio"] = "audio-toy"
file.load_codec = lambda path, device: ToyCodec()
sys.exit(cli.main(sys.argv[1:]))
"""


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", DRIVER, *arguments]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


def test_packets_leave_before_the_input_ends_and_ctrl_c_ends_the_stream(kodek: Kodek) -> None:
    with start("encode", "--live", "--rate", "1000", "--channels", "2", "-", "-") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(pcm_bytes(tone(200, 1000).samples, 16))
        timer = threading.Timer(60, process.kill)
        timer.start()
        first = process.stdout.read(60)  # would wait for ever if nothing was flushed
        assert first.startswith(b"KDK")
        process.send_signal(signal.SIGINT)
        stream = first + process.stdout.read()
        assert (process.wait(), process.stderr.read()) == (130, b"")
        timer.cancel()
    assert heard(stream, kodek).samples.shape == (2, 200)


def test_a_reader_who_leaves() -> None:
    with start("encode", "--live", "--rate", "1000", "-", "-") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(pcm_bytes(tone(200, 1000, 1).samples, 16))
        process.stdout.read(1)
        process.stdout.close()
        try:
            for _ in range(1000):
                process.stdin.write(bytes(4000))
        except BrokenPipeError:
            pass
        assert (process.wait(60), process.stderr.read()) == (0, b"")
