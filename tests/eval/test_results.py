"""Curves out of rows: which files count, means, pools, levels, and what is said to be missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kodek.eval.errors import EvalError
from kodek.eval.results import Results, pool
from kodek.eval.rows import Row


def row(codec: str, setting: float, file: str, length: int, **measures: Any) -> Row:
    size = {"media": "image", "width": 10, "height": 8}
    return {"codec": codec, "setting": setting, "file": file, "bytes": length, "measures": measures, **size}


def rows() -> list[Row]:
    return [
        row("x", 2, "a", 20, psnr=40.0, ocr_cer=[1, 10]),
        row("x", 1, "a", 10, psnr=30.0, ocr_cer=[3, 10]),
        row("x", 1, "b", 20, psnr=34.0, ocr_cer=[0, 30]),
        row("x", 2, "b", 40, psnr=44.0, ocr_cer=[0, 30]),
        row("original", 0, "a", 240, ocr_cer=[1, 10]),
        row("original", 0, "b", 240, ocr_cer=[1, 30]),
    ]


def test_means_over_files_in_the_order_of_rates() -> None:
    results = Results(rows())
    assert results.codecs == ["x"] and results.rate_unit == "bpp"
    first, second = results.curve("x", "psnr")
    assert (first.setting, first.rate, first.value, first.n) == (1, pytest.approx(1.5), 32.0, 2)
    assert (second.setting, second.rate, second.value) == (2, pytest.approx(3.0), 42.0)
    assert [(p.rate, p.value) for p in results.per_file("x", "psnr")["b"]] == [(2.0, 34.0), (4.0, 44.0)]


def test_pairs_are_pooled_and_in_percent() -> None:
    results = Results(rows())
    assert [p.value for p in results.curve("x", "ocr_cer")] == [pytest.approx(7.5), pytest.approx(2.5)]
    assert results.level("ocr_cer") == pytest.approx(5.0) and results.level("psnr") is None
    assert [m.name for m in results.tasks] == ["ocr_cer"] and [m.name for m in results.measures] == ["psnr", "ocr_cer"]
    assert results.values("x", 1, "ocr_cer") == [[3, 10], [0, 30]]
    assert pool([1.0, 2.0, 6.0]) == 3.0


def test_the_worst_tenth_rounded_up() -> None:
    many = [row("x", 1, f"{i}", 10, psnr=30.0 + i, ocr_cer=[i, 10]) for i in range(11)]
    results = Results(many)
    assert results.worst("x", 1, "psnr") == pytest.approx(30.5)
    assert results.worst("x", 1, "ocr_cer") == pytest.approx(95.0)
    assert np.isnan(results.worst("x", 2, "psnr"))


def test_every_codec_is_averaged_over_the_same_files() -> None:
    others = [row("y", 1, f, 10, psnr=20.0) for f in "ab"] + [row("y", 2, "b", 10, psnr=25.0)]
    more = [*rows(), *(row(c, s, "c", 10, psnr=99.0) for c, s in (("x", 1), ("x", 2), ("y", 1), ("y", 2)))]
    results = Results([*more, *others])  # y has no value for a at 2
    assert results.files_of("psnr") == ["b", "c"]
    assert results.curve("x", "psnr")[0].value == pytest.approx((34 + 99) / 2)


def test_a_setting_that_failed_on_most_files_is_left_out() -> None:
    lossless = [row("x", 3, "a", 60, psnr=None), row("x", 3, "b", 60, psnr=50.0)]
    results = Results([*rows(), *lossless])
    assert [p.setting for p in results.curve("x", "psnr")] == [1, 2]
    assert results.values("x", 3, "psnr") == []


def test_load_and_problems(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows()))
    failed = {**row("x", 5, "a", 1, psnr=1.0), "failed": {"vmaf": "too small."}}
    broken = {"codec": "x", "setting": 9, "file": "a", "media": "image", "versions": {}, "error": "it broke"}
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.writelines(json.dumps(r) + "\n" for r in (failed, broken))
    times = {"codec": "x", "setting": 1, "file": "a", "encode_seconds": 1.0, "decode_seconds": 3.0}
    (tmp_path / "timings.jsonl").write_text(json.dumps(times) + "\n")
    run = {"unavailable": {"jxl": "no ffmpeg."}, "unreadable": {"z.png": "z.png is cut off."}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    results = Results.load([tmp_path])
    assert results.seconds("x", 1) == (1.0, 3.0) and results.seconds("x", 2) is None
    said = results.problems()
    assert len(said) == 4
    for part in ("jxl is not available: no ffmpeg", "z.png was left out", "x at 9 failed on a: it broke", "too small"):
        assert any(part in sentence for sentence in said), part


def test_what_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(EvalError, match="holds no results"):
        Results.load([tmp_path])
    (tmp_path / "rows.jsonl").write_text('{"codec": "x"}\n')
    with pytest.raises(EvalError, match="line 1, is not a row"):
        Results.load([tmp_path])
    audio = {**row("y", 1, "a", 1), "media": "audio"}
    with pytest.raises(EvalError, match="audio and image can't be in one comparison"):
        Results([*rows(), audio])
    with pytest.raises(EvalError, match="no measure 'psnr2'"):
        Results(rows()).curve("x", "psnr2")
