"""Whatever is wrong: one sentence, the documented exit code, no file, and torch stays out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kodek.codecs.container import AudioHeader, Chunk, ChunkKind, read, write
from kodek.datasets import write_wav

from .conftest import Kodek
from .test_sound import tone

DRIVER = """
import contextlib, io, json, sys
from kodek.cli import main
results = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    results.append([code, out.getvalue(), err.getvalue(), "torch" in sys.modules])
json.dump(results, sys.stdout)
"""


def test_every_error_without_torch(photo: Path, coded: Path, tmp_path: Path) -> None:
    data = coded.read_bytes()
    header, chunks = read(data)
    unknown = type(header)(**(vars(header) | {"generation": bytes(8)}))

    def file(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    later = bytearray(data)
    later[3] = later[3] & 0xF0 | 0x0F
    out = str(tmp_path / "out.png")
    bad = {
        file("empty.kdk", b""): 4,
        file("short.kdk", data[:9]): 4,
        file("truncated.kdk", data[:-1]): 4,
        file("flipped.kdk", bytes(flipped)): 4,
        file("picture.kdk", photo.read_bytes()): 4,
        file("text.kdk", b"hello"): 4,
        file("later.kdk", bytes(later)): 5,
        file("unknown.kdk", write(unknown, chunks)): 5,
        str(tmp_path / "missing.kdk"): 3,
        str(photo / "not-a-folder.kdk"): 3,
    }
    cases = [([command, path, out], code) for path, code in bad.items() for command in ("decode",)]
    cases += [([command, path], code) for path, code in bad.items() for command in ("verify", "info")]
    cases = [case for case in cases if case[0] != ["info", str(tmp_path / "unknown.kdk")]]
    kdk, picture = str(coded), str(photo)
    cases += [
        (["decode", kdk, picture], 6),
        (["decode", kdk, str(tmp_path / "none" / "out.png")], 6),
        (["decode", kdk, str(tmp_path / "out.xyz")], 2),
        (["decode", kdk, out, "--max-pixels", "2k"], 4),
        (["decode", kdk, out, "--format", "xyz"], 2),
        (["info", str(tmp_path)], 3),
        (["verify", str(tmp_path)], 3),
        (["encode", picture, kdk], 6),
        (["encode", picture, str(tmp_path)], 6),
        (["encode", picture, out], 2),
        (["encode", str(tmp_path / "missing.png")], 3),
        (["encode", file("hello.png", b"hello")], 3),
        (["encode", kdk, str(tmp_path / "again.kdk")], 3),
        (["encode", picture, str(tmp_path / "new.kdk"), "--model", "nonsense"], 5),
        (["encode", picture, str(tmp_path / "new.kdk"), "--max-pixels", "2k"], 3),
        (["encode", picture, "--quality", "101"], 2),
        (["encode", picture, "--quality", "nan"], 2),
        (["encode", picture, "--max-pixels", "many"], 2),
        (["encode", picture, "--device", "../x"], 2),
        (["encode", picture, "--threads", "0"], 2),
        (["encode", picture, "--nonsense"], 2),
        (["encode"], 2),
        (["nonsense"], 2),
        (["compare", picture, str(tmp_path / "missing.png")], 3),
        (["train", "image-hyperprior", "--out", str(tmp_path / "run"), "--set", "steps"], 2),
        (["train", "nonsense", "--out", str(tmp_path / "run"), "--data", picture], 3),
    ]
    song = str(tmp_path / "song.wav")
    write_wav(song, tone(5000))
    sound = write(AudioHeader(bytes(8), 1, 8000, 1, 0, 9, 0), [Chunk(ChunkKind.PAYLOAD, bytes(9))])
    coded_sound, stream = file("sound.kdk", sound), file("stream.kdk", b"KDK\x81" + bytes(40))
    cases += [
        (["encode", song, "--model", "nonsense"], 5),
        (["encode", song, "--target-psnr", "30"], 2),
        (["encode", song, "--model", "tiny-fixture"], 2),
        (["encode", song, str(tmp_path / "song.flac")], 2),
        (["encode", song, "--rate", "8000"], 2),
        (["encode", song, "--live", "--json"], 2),
        (["encode", song, "--live", "--target-kbps", "6"], 2),
        (["encode", picture, kdk, "--target-kbps", "6", "-f"], 2),
        (["encode", picture, kdk, "--target-kbps", "-1", "-f"], 2),
        (["encode", picture, kdk, "--target-kbps", "6", "--quality", "50", "-f"], 2),
        (["decode", kdk, out, "--partial"], 2),
        (["decode", kdk, str(tmp_path / "out.wav")], 2),
        (["decode", kdk, out, "--depth", "8"], 2),
        (["decode", coded_sound], 5),
        (["decode", coded_sound, "--region", "0,0,1,1"], 2),
        (["verify", coded_sound], 5),
        (["cut", coded_sound, str(tmp_path / "small.kdk"), "--stages", "1"], 5),
        (["cut", coded_sound, str(tmp_path / "small.kdk")], 2),
        (["cut", kdk, str(tmp_path / "small.kdk"), "--stages", "1"], 2),
        (["cut", str(tmp_path / "missing.kdk"), str(tmp_path / "small.kdk"), "--stages", "1"], 3),
        (["decode", stream, "--live"], 4),
        (["decode", stream], 4),
        (["decode", str(tmp_path / "missing.kdk"), "--live"], 3),
    ]
    if os.geteuid():
        os.chmod(file("secret.png", b""), 0)
        cases.append((["encode", str(tmp_path / "secret.png")], 3))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    arguments = json.dumps([arguments for arguments, _ in cases])
    done = subprocess.run([sys.executable, "-c", DRIVER], input=arguments, capture_output=True, text=True, check=True)
    for (arguments, code), (got, printed, err, torch) in zip(cases, json.loads(done.stdout), strict=True):
        assert (got, printed, torch) == (code, "", False), (arguments, got, printed, err, torch)
        assert err.startswith("kodek: ") and err.endswith((".\n", ").\n")), (arguments, err)
        assert err.count("\n") == 1 and len(err) < 600, (arguments, err)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("size", [0, 1, 3, 4, 10, 24, 60, -5])
def test_truncated(coded: Path, kodek: Kodek, size: int) -> None:
    coded.write_bytes(coded.read_bytes()[:size])
    assert kodek("decode", coded, "-").code == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(photo: Path, coded: Path, kodek: Kodek) -> None:
    for command, source in (("encode", photo), ("decode", coded)):
        result = kodek(command, source, "/dev/full")
        assert (result.code, result.out) == (6, b"") and result.err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_output(coded: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kodek", "info", str(coded)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 6
    assert done.stderr == "kodek: The standard output can't be written: No space left on device.\n"


def test_a_reader_who_leaves(coded: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "kodek", "info", str(coded)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (0, b"")


def test_interrupt(photo: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("kodek.api.encode_picture", interrupted)
    result = kodek("encode", photo)
    assert (result.code, result.out, result.err) == (130, b"", "")
    assert list(photo.parent.glob("*")) == [photo]


def test_a_bug_says_how_to_see_more(photo: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> bytes:
        raise ZeroDivisionError("one\nby none")

    monkeypatch.setattr("kodek.api.encode_picture", broken)
    result = kodek("encode", photo)
    assert result.code == 1
    what = "internal error (ZeroDivisionError: one by none); KODEK_DEBUG=1 shows the traceback."
    assert result.err == f"kodek: {photo}: {what}\n"
    assert list(photo.parent.glob("*")) == [photo]
    monkeypatch.setenv("KODEK_DEBUG", "1")
    assert "Traceback" in kodek("encode", photo).err
