"""The benchmarks run, and count what they say they count."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.errors import UnknownModelError
from kodek.eval.bench import codec, entropy, memory
from kodek.eval.children import MALLOC, run_module, usage
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.photos import bundled_photo, mirrored
from PIL import Image

from kodek import _malloc

from .conftest import TINY, pixels

unix = pytest.mark.skipif(sys.platform == "win32", reason="the resource module is of Unix")
beside_compressai = pytest.mark.skipif(find_spec("compressai") is None, reason="CompressAI is not installed")


def test_mirrored() -> None:
    photo = pixels(20, 30)
    large = mirrored(photo, 100, 70)
    assert large.shape == (70, 100, 3)
    assert np.array_equal(large[:20, 30:60], photo[:, ::-1]) and np.array_equal(large[40:60, :30], photo)
    assert np.array_equal(mirrored(photo, 7, 9), photo[:9, :7])
    assert bundled_photo(768, 512).shape == (512, 768, 3)


def test_malloc_is_that_of_the_command_line() -> None:
    tuned = {name: int(value) for name, value in MALLOC["tuned"].items()}
    assert set(tuned.values()) == {_malloc._LARGEST, _malloc._PAD, 1}
    assert tuned["MALLOC_TOP_PAD_"] == _malloc._PAD
    assert tuned["MALLOC_ARENA_MAX"] == 1


@unix
def test_usage_is_of_the_child_alone() -> None:
    ballast = np.ones(400 << 20, np.uint8)  # of this process: none of the child's business
    small = usage([sys.executable, "-c", "pass"])
    large = usage([sys.executable, "-c", "x = b'x' * (200 << 20)"])
    assert small.peak < 100e6 < 200 << 20 <= large.peak < 300e6
    assert large.seconds > 0 and ballast.nbytes
    with pytest.raises(EvalError, match="exit code 3: out of luck"):
        usage([sys.executable, "-c", "import sys; print('out of luck', file=sys.stderr); sys.exit(3)"])


def test_a_broken_process_says_why() -> None:
    with pytest.raises(EvalError, match=r"exit code 1: .*No module named kodek\.eval\.no_such_module"):
        run_module("kodek.eval.no_such_module", {})
    with pytest.raises(EvalError, match="unexpected keyword argument 'no_such_argument'"):
        run_module("kodek.eval.bench.codec", {"no_such_argument": 1})


def test_race_takes_turns_and_leaves_the_warm_up_out() -> None:
    order: list[str] = []

    def contestant(name: str) -> codec.Contestant:
        return codec.Contestant(name, lambda: order.append(name), lambda _: order.append(name.upper()))

    both = [contestant("a"), contestant("b")]
    codec.race(both, repeats=3, warm_up=1)
    assert order == ["a", "A", "b", "B"] * 4
    assert [len(c.seconds) for c in both] == [3, 3]
    both[0].seconds = [(1.0, 2.0), (3.0, 1.0), (9.0, 9.0)]
    assert both[0].summary()["both"] == {"min": 3.0, "median": 4.0}


@beside_compressai
def test_codec(tmp_path: Path) -> None:
    image, rows = tmp_path / "photo.png", tmp_path / "rows.jsonl"
    Image.fromarray(pixels(50, 70)).save(image)  # sides that CompressAI's networks don't take as they are
    common = {"width": 8, "height": 8, "file": "x", "codec": "tiny-fixture", "media": "image", "versions": {}}
    made = [{**common, "setting": s, "bytes": 2 * s, "measures": {"psnr": 30.13 + s}} for s in (0.5, 1, 2)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in made))
    result = codec.run(image, str(TINY), quality=50, repeats=1, threads=1, rows=rows)
    assert result == json.loads(json.dumps(result)) | {"published": result["published"]}
    assert (result["width"], result["height"], result["threads"], result["malloc"]) == (70, 50, 1, "tuned")
    ours, *theirs = (c["both"]["min"] for c in result["contestants"])
    assert len(theirs) == 2 and result["ratio"]["min"] == pytest.approx(ours / min(theirs))
    assert result["rate"] == pytest.approx(0.25), "2 bytes for 64 pixels at 31.13 dB"
    text = codec.report(result)
    assert "tuned malloc" in text and "0.3072 bpp at 31.13 dB" in text and "tiny-fixture at 31.13 dB" in text


@beside_compressai
def test_codec_refuses_before_the_race(tmp_path: Path) -> None:
    grey, rows = tmp_path / "grey.png", tmp_path / "rows.jsonl"
    Image.fromarray(pixels()[..., 0]).save(grey)
    row = {"codec": "x", "setting": 1, "file": "x", "media": "image", "width": 8, "height": 8, "bytes": 1}
    rows.write_text(json.dumps(row | {"versions": {}, "measures": {"psnr": 30.0}}) + "\n")
    for wrong in ({"image": grey}, {"rows": rows}):
        with pytest.raises(EvalError, match=r"8-bit RGB|does not cover"):
            codec.run(model=str(TINY), quality=50, repeats=1, **wrong)


@pytest.fixture(scope="module")
def entropy_result() -> dict:
    if find_spec("compressai") is None or find_spec("constriction") is None:
        pytest.skip("CompressAI or constriction is not installed")
    return entropy.run(repeats=1)


def test_entropy(entropy_result: dict) -> None:
    assert entropy_result == json.loads(json.dumps(entropy_result))
    low, high = entropy_result["sources"]
    assert low["ideal_bytes"] < high["ideal_bytes"]
    for source in (low, high):
        by_name = {coder["name"]: coder for coder in source["coders"]}
        assert by_name["CompressAI ans"]["times_compressai"] == 1
        assert by_name["kodek profile 2"]["bytes"] == by_name["kodek profile 2, portable"]["bytes"]
        for coder in by_name.values():
            assert 0 < coder["over_ideal"] < 0.003, coder["name"]
            assert coder["bytes"] == pytest.approx(source["ideal_bytes"] * (1 + coder["over_ideal"]))
    text = entropy.report(entropy_result)
    assert text.count("kodek profile 1 ") == 2 and f"ideal {low['ideal_bytes']:.0f} bytes" in text


def test_entropy_wants_the_symbols_back() -> None:
    source = entropy.make_source(0.45)
    liar = entropy.Contestant("liar", lambda: b"", lambda _: source.symbols + 1)
    with pytest.raises(EvalError, match="liar does not give the symbols back"):
        entropy.race([liar], source, 1)


@unix
def test_memory() -> None:
    steps: list[tuple[int, int, str]] = []
    result = memory.run(str(TINY), width=64, height=48, quality=50, progress=lambda *step: steps.append(step))
    assert result == json.loads(json.dumps(result))
    assert result["bytes"] > 0 and min(result[name]["peak"] for name in ("encode", "decode")) > 50e6
    assert steps == [(0, 3, "writing the original"), (1, 3, "kodek encode"), (2, 3, "kodek decode")]
    text = memory.report(result)
    assert "64 x 48" in text and "encode:" in text and "decode:" in text and "below the bar" in text
    result["decode"]["peak"] = 3_000_000_001
    assert "ABOVE the bar" in memory.report(result)


def test_memory_refuses_what_kodek_would() -> None:
    with pytest.raises(EvalError, match="200 megapixels"):
        memory.run(str(TINY), width=20_000, height=10_001, quality=50)


def test_unknown_model() -> None:
    with pytest.raises(UnknownModelError):
        memory.run("no-such-model", width=8, height=8, quality=50)


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compressai", None)
    with pytest.raises(Unavailable, match=r"needs compressai.*pip install 'kodek\[eval\]'"):
        codec.run(model=str(TINY), quality=50, repeats=1)
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(Unavailable, match="needs compressai and constriction"):
        entropy.run(1)
