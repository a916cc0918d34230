"""A folder as IN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from .conftest import Kodek, pixels


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "deeper").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "deeper/c.png"):
        Image.fromarray(pixels(40, 40)).save(folder / name)
    return folder


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_round_trip(album: Path, tmp_path: Path, kodek: Kodek) -> None:
    result = kodek("encode", album, tmp_path / "out")
    assert (result.code, result.err) == (0, "") and result.out.startswith(b"3 of 3 files")
    assert _names(tmp_path / "out") == {"a.kdk", "b.kdk", "deeper/c.kdk"}
    result = kodek("decode", tmp_path / "out", tmp_path / "back", "--format", "webp")
    assert result.code == 0
    assert _names(tmp_path / "back") == {"a.webp", "b.webp", "deeper/c.webp"}


def test_one_failure_stops_no_other(album: Path, tmp_path: Path, kodek: Kodek) -> None:
    (album / "aa.png").write_bytes(b"no picture")
    result = kodek("encode", album, tmp_path / "out", "--json")
    summary = json.loads(result.out)
    assert result.code == 3
    assert len(summary["files"]) == 3
    assert [(row["input"], row["code"]) for row in summary["failed"]] == [(str(album / "aa.png"), 3)]
    assert result.err.startswith(f"kodek: {album / 'aa.png'} ") and result.err.count("\n") == 1
    assert _names(tmp_path / "out") == {"a.kdk", "b.kdk", "deeper/c.kdk"}


def test_a_bug_in_one_file_stops_no_other(
    album: Path, tmp_path: Path, kodek: Kodek, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kodek import api

    real, calls = api.encode_picture, []

    def sometimes(*arguments: object) -> bytes:
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("oops")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "encode_picture", sometimes)
    result = kodek("encode", album, tmp_path / "out")
    assert result.code == 1 and "ZeroDivisionError" in result.err
    assert _names(tmp_path / "out") == {"a.kdk", "deeper/c.kdk"}


def test_equal_stems_keep_their_suffixes(album: Path, tmp_path: Path, kodek: Kodek) -> None:
    Image.fromarray(pixels(40, 40)).save(album / "a.jpg")
    assert kodek("encode", album, tmp_path / "out").code == 0
    assert _names(tmp_path / "out") == {"a.png.kdk", "a.jpg.kdk", "b.jpg.kdk", "deeper/c.png.kdk"}


def test_second_run_needs_force(album: Path, tmp_path: Path, kodek: Kodek) -> None:
    assert kodek("encode", album, tmp_path / "out").code == 0
    assert kodek("encode", album, tmp_path / "out").code == 6
    assert kodek("encode", album, tmp_path / "out", "-f").code == 0


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_a_folder_needs_a_folder(album: Path, tmp_path: Path, kodek: Kodek, command: str) -> None:
    (album / "x.kdk").write_bytes(b"")
    assert kodek(command, album).code == 2
    assert kodek(command, album, "-").code == 2
    assert kodek(command, album, album / "a.png").code == 6


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_nothing_to_do_is_an_error(tmp_path: Path, kodek: Kodek, command: str) -> None:
    (tmp_path / "empty").mkdir()
    result = kodek(command, tmp_path / "empty", tmp_path / "out")
    assert result.code == 3 and result.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
