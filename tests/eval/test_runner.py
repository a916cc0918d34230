"""An evaluation from the command: rows, resuming after a kill, and what goes wrong on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kodek.datasets import Video, write_y4m
from kodek.eval.measures.distance import psnr
from PIL import Image

from kodek.cli import main

from .conftest import TINY, pixels

CODECS = "jpeg@10:50:90,webp@20:80"


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def evaluate(data: Path, out: Path, *more: str, codecs: str = CODECS) -> int:
    command = ["eval", "--data", str(data), "--out", str(out), "--codecs", codecs, "--measures", "psnr", *more]
    return main([*command, "-j", "1"])


def test_rows_streams_and_timings(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert evaluate(folder, out, codecs=f"{TINY},{CODECS}") == 0
    rows = rows_of(out)
    assert len(rows) == 2 * (11 + 3 + 2) and {row["file"] for row in rows} == {"a.png", "in/b.png"}
    for row in rows:
        suffix = {"jpeg": ".jpg", "webp": ".webp"}.get(row["codec"], ".kdk")
        stream = out / "streams" / row["codec"] / f"{row['setting']:g}" / f"{row['file']}{suffix}"
        assert stream.stat().st_size == row["bytes"]
        assert (row["width"], row["height"], row["media"]) == (96, 80, "image") and row["versions"]
    jpeg = next(row for row in rows if (row["codec"], row["setting"], row["file"]) == ("jpeg", 50, "in/b.png"))
    decoded = np.asarray(Image.open(out / "streams" / "jpeg" / "50" / "in" / "b.png.jpg"))
    assert jpeg["measures"]["psnr"] == pytest.approx(psnr(pixels(seed=1), decoded))
    times = [json.loads(line) for line in (out / "timings.jsonl").read_text().splitlines()]
    assert len(times) == len(rows) and all(row["encode_seconds"] > 0 < row["decode_seconds"] for row in times)
    if sys.platform == "linux":
        assert all(row["decode_peak"] > 10e6 for row in times)
    run = json.loads((out / "run.json").read_text())
    assert run["finished"] and set(run["codecs"]) == {"tiny-fixture", "jpeg", "webp"}
    text = capsys.readouterr().out
    assert "tiny-fixture: means over 2 files" in text and "BD-rate" in text


def test_killed_and_continued_gives_the_same_rows(folder: Path, tmp_path: Path) -> None:
    assert evaluate(folder, tmp_path / "whole", "--timed", "0") == 0
    out = tmp_path / "out"
    command = [sys.executable, "-m", "kodek", "eval", "--data", str(folder), "--out", str(out), "--codecs", CODECS]
    process = subprocess.Popen([*command, "--measures", "psnr", "--timed", "0", "-j", "1"])
    journal = out / "rows.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    with journal.open("a") as file:
        file.write('{"codec": "jp')  # as if it had been killed in the middle of a line
    before = {json.dumps(row) for row in rows_of_whole_lines(journal)}
    assert evaluate(folder, out, "--timed", "0") == 0
    assert rows_of(out) == rows_of(tmp_path / "whole")
    assert before <= {json.dumps(row) for row in rows_of(out)}


def rows_of_whole_lines(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]


def test_a_new_measure_is_added_from_the_kept_streams(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert evaluate(folder, out, "--timed", "0", codecs="jpeg@50") == 0
    streams = {path: path.stat().st_mtime_ns for path in (out / "streams").rglob("*.jpg")}
    before = rows_of(out)
    assert evaluate(folder, out, "--timed", "0", "--measures", "psnr,ssim", codecs="jpeg@50") == 0
    after = rows_of(out)
    assert [row["measures"]["psnr"] for row in after] == [row["measures"]["psnr"] for row in before]
    assert all("ssim" in row["measures"] for row in after)
    assert streams == {path: path.stat().st_mtime_ns for path in (out / "streams").rglob("*.jpg")}


def test_another_version_of_a_codec_is_measured_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert evaluate(folder, out, "--timed", "0", codecs="jpeg@50") == 0
    rows = rows_of(out)
    old = [{**row, "bytes": 1, "versions": {"pillow": "0.1"}} for row in rows]
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old))
    assert evaluate(folder, out, "--timed", "0", codecs="jpeg@50") == 0
    assert rows_of(out) == rows


def test_what_fails_is_reported_and_the_rest_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODEK_FFMPEG", str(tmp_path / "no-such-program"))
    Image.fromarray(np.zeros((2, 16400, 3), np.uint8)).save(folder / "wide.png")  # webp ends at 16383 pixels
    whole = (folder / "a.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    code = evaluate(folder, out, "--timed", "1", codecs="jpeg@50,webp@50,jxl")
    captured = capsys.readouterr()
    assert code == 4
    for part in ("jxl is not available", "cut.png", "webp at 50 failed on wide.png"):
        assert part in captured.err, part
    assert "Traceback" not in captured.err
    done = {(row["codec"], row["file"]) for row in rows_of(out) if "error" not in row}
    assert done == {*((c, f) for c in ("jpeg", "webp") for f in ("a.png", "in/b.png")), ("jpeg", "wide.png")}
    run = json.loads((out / "run.json").read_text())
    assert list(run["unavailable"]) == ["jxl"] and list(run["unreadable"]) == ["cut.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--codecs", "jpeq"], "There is no codec 'jpeq'"),
        (["--codecs", "jpeg@high"], "settings of a codec are numbers"),
        (["--measures", "psnrr"], "There is no measure 'psnrr'"),
        (["--measures", "stoi"], "stoi does not measure image"),
        (["--codecs", "opus"], "opus does not code image"),
        (["--media", "sound"], "--media is one of"),
        (["--data", "nowhere"], "nowhere is neither a folder nor a file"),
    ],
)
def test_wrong_requests_are_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert evaluate(folder, tmp_path / "out", *options) in (2, 3, 5)
    error = capsys.readouterr().err
    assert error.startswith("kodek: ") and error.count("\n") == 1
    assert said in error or "not available" in error


def test_nothing_but_unreadable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"no picture")
    assert evaluate(tmp_path / "data", tmp_path / "out", codecs="jpeg@50") == 3
    error = capsys.readouterr().err
    assert error.startswith("kodek: ") and "a.png" in error and error.count("\n") == 1


def test_a_list_of_pictures_needs_no_media(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("data/a.png\n")
    assert evaluate(tmp_path / "list.txt", tmp_path / "out", "--timed", "0", codecs="jpeg@50") == 0
    assert [row["file"] for row in rows_of(tmp_path / "out")] == ["data/a.png"]


def test_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    pytest.importorskip("imageio_ffmpeg")
    planes = [np.stack([pixels(64, 64, seed)[::step, ::step, 0] for seed in range(3)]) for step in (1, 2, 2)]
    clip = Video(planes[0], planes[1], planes[2], Fraction(25))
    (tmp_path / "data").mkdir()
    write_y4m(tmp_path / "data" / "clip.y4m", clip)
    assert evaluate(tmp_path / "data", tmp_path / "out", "--timed", "1", codecs="x264@20:40") == 0
    fine, coarse = rows_of(tmp_path / "out")
    assert (fine["media"], fine["frames"], fine["fps"]) == ("video", 3, 25.0)
    assert fine["bytes"] > coarse["bytes"] and fine["measures"]["psnr_y"] > coarse["measures"]["psnr_y"]
