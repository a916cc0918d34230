"""The runner: rows, resuming, reports, and what is left out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from kodek.datasets import MediaError
from kodek.eval import rd
from kodek.eval.codec import Codec
from kodek.eval.errors import EvalError
from kodek.eval.rows import mean_curve
from PIL import Image

from .conftest import TINY

SETTINGS = (3.0, 4.0, 6.0, 9.0, 12.0)


class Fake:
    """Adds `setting` to every sample, at a rate that is `scale` / setting."""

    def __init__(self, name: str, scale: float, version: str = "1") -> None:
        self.calls = 0
        self.scale = scale
        self.decoded = np.empty(0)
        self.codec = Codec(name, SETTINGS, self.encode, lambda data: self.decoded, {name: version})

    def encode(self, pixels: np.ndarray, setting: float) -> bytes:
        self.calls += 1
        self.decoded = pixels.astype(int) + int(setting)
        return bytes(int(self.scale * pixels.size / setting))


def test_rows_and_report(folder: Path) -> None:
    rows, problems = rd.run(str(folder), [Fake("x", 0.8).codec, Fake("y", 1.0).codec])
    assert not problems
    assert len(rows) == 20 and {row["file"] for row in rows} == {"a.png", "in/b.png"}
    row = rows[0]
    assert (row["codec"], row["setting"], row["width"], row["height"]) == ("x", 3.0, 96, 80)
    assert row["bytes"] == int(0.8 * 96 * 80)
    assert row["psnr"] == pytest.approx(20 * math.log10(255 / 3))
    assert row["versions"] == {"x": "1"} and row["encode_seconds"] >= 0
    text = rd.report(rows)
    assert "28 to 36 dB" in text
    line = next(line.split() for line in text.splitlines() if line.split()[:2] == ["x", "y"])
    assert [float(line[i]) for i in (2, 3, 5)] == pytest.approx([-20, -20, -20], abs=0.02) and line[4] == "(2/2)"


def test_a_curve_that_is_too_short_is_refused_in_the_report(folder: Path) -> None:
    rows, _ = rd.run(str(folder), [Fake("x", 1).codec, Fake("y", 1).codec])
    assert "does not cover the interval 20 to 36 dB" in rd.report(rows, (20, 36))


def test_resume(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    whole, _ = rd.run(str(folder), [Fake("x", 1).codec], out)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:4]) + lines[4][:30])  # killed while it wrote the fifth row
    fake = Fake("x", 1)
    resumed, _ = rd.run(str(folder), [fake.codec], out)
    assert fake.calls == 6
    strip = [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in whole]
    assert [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in resumed] == strip
    assert len([json.loads(line) for line in out.read_text().splitlines()]) == 10


def test_other_versions_are_measured_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    rd.run(str(folder), [Fake("x", 1).codec], out)
    newer = Fake("x", 0.5, version="2")
    rows, _ = rd.run(str(folder), [newer.codec], out)
    assert newer.calls == 10
    assert {row["versions"]["x"] for row in rows} == {"2"}


def test_a_file_that_holds_no_rows_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    out.write_text("a diary\n")
    with pytest.raises(EvalError, match="line 1, is not a row"):
        rd.run(str(folder), [Fake("x", 1).codec], out)


def test_pictures_that_cannot_be_measured_are_named(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "deep.png")
    rows, problems = rd.run(str(folder), [Fake("x", 1).codec])
    assert len(rows) == 10
    assert len(problems) == 2 and "broken.png" in problems[0] and "16 bits" in problems[1]
    with pytest.raises(MediaError):
        rd.run(str(folder / "nowhere"), [Fake("x", 1).codec])


def test_means_are_over_the_same_files_at_every_setting() -> None:
    def row(setting: float, file: str, psnr: float | None) -> dict[str, object]:
        return {"setting": setting, "file": file, "width": 8, "height": 1, "bytes": 1 + int(setting), "psnr": psnr}

    rows = [row(0, "a", 30.0), row(0, "b", 32.0), row(1, "a", 33.0), row(2, "a", None), row(2, "b", 40.0)]
    assert mean_curve(rows) == [(0, 1.0, 31.0)]


def test_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """kodek itself, by files that it wrote, against its own estimate."""
    out = tmp_path / "rows.jsonl"
    options = ["--data", str(folder), "--model", str(TINY), "--qualities", "0,100", "--anchors", "jpeg", "--estimate"]
    assert rd.main([*options, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 files within 1 % + 64 bytes" in printed
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    small, large = (row for row in rows if row["codec"] == "tiny-fixture" and row["file"] == "a.png")
    assert small["bytes"] < large["bytes"] and small["psnr"] < large["psnr"]
    assert "generation" in small["versions"] and "libjpeg_turbo" in rows[-1]["versions"]


def test_command_refuses_in_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--anchors", "gif"], ["--model", "no-such-model"]):
        assert rd.main(["--data", str(folder), *options]) == 1
        assert capsys.readouterr().err.count("\n") == 1
