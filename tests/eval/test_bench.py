"""The benchmarks run, and count what they say they count."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from kodek.eval import bench_codec, bench_memory
from kodek.eval.children import MALLOC, usage
from kodek.eval.errors import EvalError
from kodek.eval.photos import bundled_photo, mirrored
from PIL import Image

from kodek import _malloc

from .conftest import TINY, pixels

unix = pytest.mark.skipif(sys.platform == "win32", reason="the resource module is of Unix")


def test_mirrored() -> None:
    photo = pixels(20, 30)
    large = mirrored(photo, 100, 70)
    assert large.shape == (70, 100, 3)
    assert np.array_equal(large[:20, 30:60], photo[:, ::-1]) and np.array_equal(large[40:60, :30], photo)
    assert np.array_equal(mirrored(photo, 7, 9), photo[:9, :7])
    assert bundled_photo(768, 512).shape == (512, 768, 3)


def test_malloc_is_that_of_the_command_line() -> None:
    tuned = {name: int(value) for name, value in MALLOC["tuned"].items()}
    assert set(tuned.values()) == {_malloc._LARGEST, _malloc._PAD}
    assert tuned["MALLOC_TOP_PAD_"] == _malloc._PAD


@unix
def test_usage_is_of_the_child_alone() -> None:
    ballast = np.ones(400 << 20, np.uint8)  # of this process: none of the child's business
    small = usage([sys.executable, "-c", "pass"])
    large = usage([sys.executable, "-c", "x = b'x' * (200 << 20)"])
    assert small.peak < 100e6 < 200 << 20 <= large.peak < 300e6
    assert large.seconds > 0 and ballast.nbytes
    with pytest.raises(EvalError, match="exit code 3"):
        usage([sys.executable, "-c", "raise SystemExit(3)"])


def test_race_takes_turns_and_leaves_the_warm_up_out() -> None:
    order: list[str] = []

    def contestant(name: str) -> bench_codec.Contestant:
        return bench_codec.Contestant(name, lambda: order.append(name), lambda _: order.append(name.upper()))

    both = [contestant("a"), contestant("b")]
    bench_codec.race(both, repeats=3, warm_up=1)
    assert order == ["a", "A", "b", "B"] * 4
    assert [len(c.seconds) for c in both] == [3, 3]
    both[0].seconds = [(1.0, 2.0), (3.0, 1.0), (9.0, 9.0)]
    assert both[0].summary()["both"] == {"min": 3.0, "median": 4.0}


@pytest.mark.skipif(find_spec("compressai") is None, reason="CompressAI is not installed")
def test_codec_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, rows = tmp_path / "photo.png", tmp_path / "rows.jsonl"
    Image.fromarray(pixels(64, 64)).save(image)
    size = {"width": 8, "height": 8, "file": "x", "codec": "tiny-fixture", "versions": {}}
    made = [{**size, "setting": s, "bytes": 2 * s, "psnr": 30.13 + s} for s in (0.5, 1, 2)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in made))
    options = ["--image", str(image), "--model", str(TINY), "--repeats", "1", "--threads", "1", "--rows", str(rows)]
    assert bench_codec.main([*options, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["threads"], result["malloc"], len(result["contestants"])) == (1, "tuned", 3)
    ours, *theirs = (c["both"]["min"] for c in result["contestants"])
    assert result["ratio"]["min"] == pytest.approx(ours / min(theirs))
    assert result["rate"] == pytest.approx(0.25), "2 bytes for 64 pixels at 31.13 dB"
    text = bench_codec.report(result)
    assert "tuned malloc" in text and "0.3072 bpp at 31.13 dB" in text and "tiny-fixture at 31.13 dB" in text


@unix
def test_memory_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_memory.main(["--model", str(TINY), "--width", "64", "--height", "48"]) == 0
    text = capsys.readouterr().out
    assert "64 x 48" in text and "encode:" in text and "decode:" in text and "below the bar" in text


def test_unknown_model_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (bench_codec, bench_memory):
        assert command.main(["--model", "no-such-model"]) == 1
        assert capsys.readouterr().err.count("\n") == 1
