"""Sound on the command line, with a toy of 1 kHz in place of the codec."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import Audio, audio_info, read_audio, write_flac, write_wav

from .conftest import Kodek, Toy, pixels

TAGS = {"title": "Größe", "artist": "one"}


def tone(length: int, rate: int = 8000, channels: int = 2) -> Audio:
    time = np.arange(length) / rate
    return Audio(np.stack([0.5 * np.sin(8 * time + c) for c in range(channels)]).astype(np.float32), rate)


@pytest.fixture
def song(tmp_path: Path, toy: Toy) -> Path:
    """4.5 s of 2 channels at 8 kHz."""
    write_flac(tmp_path / "song.flac", tone(36_000), tags=TAGS)
    return tmp_path / "song.flac"


@pytest.fixture
def coded(song: Path, kodek: Kodek) -> Path:
    assert kodek("encode", song).code == 0
    return song.with_suffix(".kdk")


def test_there_and_back(song: Path, kodek: Kodek) -> None:
    result = kodek("encode", song, "-q", 100)
    assert (result.code, result.err) == (0, "") and b"4.5 s of 2 channels at 8000 Hz" in result.out
    assert kodek("decode", song.with_suffix(".kdk")).code == 0
    back = read_audio(song.with_suffix(".wav"))
    assert back.rate == 8000 and back.samples.shape == (2, 36_000)
    assert np.abs(back.samples - tone(36_000).samples)[:, 500:-500].max() < 0.1
    assert audio_info(song.with_suffix(".wav")).tags == TAGS


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 96_000])
@pytest.mark.parametrize("length", [1, 2, 999, 5000])
def test_length_rate_and_channels_are_exact(tmp_path: Path, toy: Toy, kodek: Kodek, rate: int, length: int) -> None:
    write_wav(tmp_path / "a.wav", tone(length, rate, 3))
    assert kodek("encode", tmp_path / "a.wav").code == 0
    assert kodek("decode", tmp_path / "a.kdk", tmp_path / "b.flac").code == 0
    back = read_audio(tmp_path / "b.flac")
    assert (back.rate, back.samples.shape) == (rate, (3, length))


@pytest.mark.parametrize(("suffix", "depth", "bits"), [
    ("wav", "16", 16), ("wav", "24", 24), ("wav", "32f", 32), ("flac", "16", 16), ("flac", "24", 24)
])  # fmt: skip
def test_formats(coded: Path, kodek: Kodek, suffix: str, depth: str, bits: int) -> None:
    target = coded.with_name(f"out.{suffix}")
    assert kodek("decode", coded, target, "--depth", depth).code == 0
    steps = read_audio(target).samples * 2.0 ** (min(bits, 24) - 1)
    assert ((steps == np.rint(steps)).all() == (bits < 32) and (bits == 16) == (steps % 256 == 0).all()) or bits == 16


def test_strip_leaves_tags_out(song: Path, coded: Path, kodek: Kodek) -> None:
    assert kodek("encode", song, song.with_name("bare.kdk"), "--strip").code == 0
    assert json.loads(kodek("info", song.with_name("bare.kdk"), "--json").out)["tags"] == {}
    assert kodek("decode", coded, song.with_name("bare.wav"), "--strip").code == 0
    assert audio_info(song.with_name("bare.wav")).tags == {}


def test_standard_streams(song: Path, coded: Path, kodek: Kodek) -> None:
    result = kodek("encode", "-", "-", stdin=song.read_bytes())
    assert (result.code, result.err, result.out) == (0, "", coded.read_bytes())
    result = kodek("decode", "-", "-", stdin=coded.read_bytes())
    assert (result.code, result.err) == (0, "")
    assert read_audio(io.BytesIO(result.out)).samples.shape == (2, 36_000)
    assert kodek("decode", "-", "--format", "flac", stdin=coded.read_bytes()).out[:4] == b"fLaC"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_named_pipes(song: Path, coded: Path, photo: Path, kodek: Kodek) -> None:
    for source, expected in ((song, coded.read_bytes()), (photo, kodek("encode", photo, "-").out)):
        pipe = source.with_name("pipe")
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(source.read_bytes(),))
        writer.start()
        assert kodek("encode", pipe, "-").out == expected
        writer.join()
        pipe.unlink()


def test_by_content_where_the_suffix_lies(song: Path, coded: Path, kodek: Kodek) -> None:
    lying = song.rename(song.with_name("song.png"))
    assert kodek("encode", lying, "-").out == coded.read_bytes()


def test_target(song: Path, kodek: Kodek) -> None:
    result = json.loads(kodek("encode", song, "--target-kbps", 2, "--json").out)
    (row,) = result["files"]
    assert (row["channels"], row["rate"], row["length"]) == (2, 8000, 36_000)
    assert row["kbps"] <= 2 and row["bytes"] == song.with_suffix(".kdk").stat().st_size
    assert kodek("encode", song, "--target-kbps", 0.001, "-f").code == 8


def test_a_folder_of_both(song: Path, tmp_path: Path, photo: Path, kodek: Kodek) -> None:
    result = kodek("encode", tmp_path, tmp_path / "out")
    assert result.code == 0 and b"megapixels" in result.out and b"s of sound" in result.out
    assert kodek("decode", tmp_path / "out", tmp_path / "back").code == 0
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"photo.png", "song.wav"}
    result = kodek("encode", tmp_path, tmp_path / "out", "-f", "--target-kbps", 2)
    assert result.code == 2 and "photo.png holds pictures" in result.err


def test_info(coded: Path, kodek: Kodek) -> None:
    facts = json.loads(kodek("info", coded, "--json").out)
    assert (facts["channels"], facts["rate"], facts["length"], facts["seconds"]) == (2, 8000, 36_000, 4.5)
    assert facts["tags"] == TAGS and facts["model"] == "audio-toy-1" and facts["stages"] == 6
    assert sum(facts["chunks"].values()) < facts["bytes"]
    text = kodek("info", coded).out.decode()
    assert "4.5 s of 2 channels" in text and "Größe" in text


def damage(path: Path, at: float) -> Path:
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 0x55
    bad = path.with_name("bad.kdk")
    bad.write_bytes(data)
    return bad


def test_damage_costs_its_second(coded: Path, kodek: Kodek) -> None:
    bad = damage(coded, 0.6)
    result = kodek("verify", bad)
    assert (result.code, result.out) == (4, b"") and f"{bad} is damaged from " in result.err
    facts = json.loads(kodek("verify", bad, "--json").out)
    ((start, end),) = facts["damage"]
    assert not facts["ok"] and 0.9 < end - start < 1.1
    target = bad.with_suffix(".wav")
    assert kodek("decode", bad).code == 4 and not target.exists()
    result = kodek("decode", bad, "--partial")
    assert result.code == 9 and "silent from" in result.err
    whole = kodek("decode", coded, "-").out
    found, expected = read_audio(target).samples, read_audio(io.BytesIO(whole)).samples
    first, last = int(start * 8000) - 400, int(end * 8000) + 400
    for part in (slice(0, first), slice(last, None)):
        assert np.abs(found[:, part] - expected[:, part]).max() < 0.01
    assert np.abs(found[:, first + 1200 : last - 1200]).max() < 0.01


def test_what_is_cut_off_plays_as_far_as_it_goes(coded: Path, kodek: Kodek) -> None:
    coded.write_bytes(coded.read_bytes()[: coded.stat().st_size * 3 // 4])
    assert kodek("decode", coded).code == 4 and not coded.with_suffix(".wav").exists()
    assert kodek("decode", coded, "--partial", "--json").code == 9
    assert read_audio(coded.with_suffix(".wav")).samples.shape == (2, 36_000)


def test_verify(coded: Path, photo: Path, kodek: Kodek) -> None:
    assert kodek("verify", coded).out == f"{coded}: ok\n".encode()
    assert json.loads(kodek("verify", "-", "--json", stdin=coded.read_bytes()).out)["ok"] is True


def test_cut(song: Path, coded: Path, kodek: Kodek) -> None:
    small = song.with_name("small.kdk")
    assert kodek("cut", coded, small, "--stages", 2).code == 0
    assert small.stat().st_size < coded.stat().st_size
    assert json.loads(kodek("info", small, "--json").out)["stages"] == 2
    assert kodek("decode", small).code == 0
    assert kodek("cut", coded, small, "--stages", 1).code == 6
    assert kodek("cut", coded, small, "-f", "--quality", 0).code == 0
    assert json.loads(kodek("info", small, "--json").out)["stages"] == 1
    row = json.loads(kodek("cut", coded, small, "-f", "--kbps", 2, "--json").out)["files"][0]
    assert row["kbps"] <= 2
    assert kodek("cut", coded, small, "-f", "--stages", 7).code == 8


def test_options_for_other_media(song: Path, coded: Path, photo: Path, kodek: Kodek) -> None:
    assert kodek("encode", photo).code == 0
    for arguments, word in (
        (("encode", song, "--target-psnr", 30, "-f"), "--target-psnr is for pictures"),
        (("encode", song, "--effort", 1, "-f"), "--effort is for pictures"),
        (("encode", photo, "--target-kbps", 6, "-f"), "--target-kbps is for sound"),
        (("encode", photo, "--rate", 8000, "-f"), "--live"),
        (("encode", song, "-f", "--model", "tiny-fixture"), "codes pictures, not sound"),
        (("encode", photo, "-f", "--model", "audio-toy-1"), "codes sound, not pictures"),
        (("decode", coded, "--region", "0,0,1,1"), "--region is for pictures"),
        (("decode", photo.with_suffix(".kdk"), "-f", "--partial"), "--partial is for sound"),
        (("decode", coded, coded.with_suffix(".png")), "sound can be written"),
        (("decode", photo.with_suffix(".kdk"), photo.with_suffix(".wav")), "pictures can be written"),
        (("decode", coded, "--format", "flac", "--depth", "32f"), "--depth"),
        (("decode", coded, "--depth", "8"), "--depth"),
        (("cut", photo.with_suffix(".kdk"), photo.with_name("x.kdk"), "--stages", 1), "Only sound"),
        (("cut", coded, photo.with_name("x.kdk")), "--stages"),
        (("cut", coded, photo.with_name("x.kdk"), "--stages", 1, "--kbps", 1), "--stages"),
        (("encode", song, song.with_name("x.wav")), "another format"),
    ):
        result = kodek(*arguments)
        assert result.code == 2 and word in result.err and result.err.count("\n") == 1, (arguments, result)


def test_what_can_not_be_coded(tmp_path: Path, toy: Toy, kodek: Kodek) -> None:
    write_wav(tmp_path / "nine.wav", tone(100, channels=9))
    (tmp_path / "text.wav").write_text("hello " * 100)
    write_flac(tmp_path / "cut.flac", tone(10_000))
    (tmp_path / "cut.flac").write_bytes((tmp_path / "cut.flac").read_bytes()[:5000])
    for name, word in (("nine.wav", "9 channels"), ("text.wav", "not sound"), ("cut.flac", "d"), ("no.wav", "No")):
        result = kodek("encode", tmp_path / name)
        assert result.code == 3 and word in result.err and result.err.count("\n") == 1
        assert not (tmp_path / name).with_suffix(".kdk").exists()


def test_pictures_beside_sound_are_left_out(song: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    from kodek import datasets

    info = datasets.AudioInfo(None, {}, ("pictures",))
    monkeypatch.setattr(datasets, "audio_info", lambda source: info)
    assert kodek("encode", song).err == f"kodek: {song}: not kept: pictures.\n"


def test_wav_that_would_be_too_long(coded: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kodek.datasets.write_audio.WAV_LIMIT", 100_000)
    result = kodek("decode", coded)
    assert result.code == 2 and "FLAC" in result.err


def test_compare_is_for_pictures(coded: Path, photo: Path, kodek: Kodek) -> None:
    assert kodek("compare", photo, coded).code in (2, 4)
    assert pixels is not None
