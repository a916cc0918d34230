"""`kodek bench`: what it prints and returns. What it measures is tested in tests/eval."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from kodek.eval.bench import codec, entropy, exactness, memory

from .conftest import Kodek

NAMES = (
    "entropy",
    "codec",
    "memory",
    "tiles",
    "exactness",
    "estimate",
    "target",
    "effort",
    "imported",
    "profile",
    "ablation",
    "stream",
    "codes",
    "damage",
    "quantisers",
)


def test_help_names_them(kodek: Kodek) -> None:
    result = kodek("bench")
    assert result.code == 0 and all(name in result.out.decode() for name in NAMES)
    result = kodek("bench", "no-such-benchmark")
    assert result.code == 2 and result.err.count("\n") == 1


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_help(kodek: Kodek, name: str) -> None:
    result = kodek("bench", name, "--help")
    assert result.code == 0 and f"kodek bench {name}" in result.out.decode() and "--json" in result.out.decode()


def test_estimate(kodek: Kodek, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("bench", "estimate", "--data", photo, "--qualities", "0,99.5")
    result = kodek(*command)
    assert result.code == 0 and b"2 of 2 files of tiny-fixture within" in result.out and not result.err
    document = json.loads(kodek(*command, "--json").out)
    assert document["passed"] and [file["quality"] for file in document["files"]] == [0, 99.5]
    (photo.parent / "broken.png").write_bytes(b"no picture")
    result = kodek("bench", "estimate", "--data", photo.parent, "--qualities", "0", "--json")
    assert result.code == 3 and result.err.startswith("kodek: ") and result.err.count("\n") == 1
    assert len(json.loads(result.out)["files"]) == 1
    monkeypatch.setattr("kodek.eval.bench.estimate.within_bar", lambda *_: False)
    assert kodek(*command).code == 7


@pytest.mark.parametrize("passed", [True, False])
def test_exactness(kodek: Kodek, monkeypatch: pytest.MonkeyPatch, passed: bool) -> None:
    asked: list[Any] = []

    def run(model: str | None, sizes: Any, progress: Any) -> dict[str, Any]:
        asked.append((model, sizes))
        progress(0, 1, "1 thread")
        failures = [] if passed else ["1x1 at 20: other symbols"]
        facts = {"model": "tiny-fixture", "streams": 3, "controls": {}, "skipped": {"GPU": "torch has none here"}}
        return {**facts, "settings": {"1 thread": failures}, "passed": passed}

    monkeypatch.setattr(exactness, "run", run)
    result = kodek("bench", "exactness", "--sizes", "20x10,1x1")
    assert result.code == (0 if passed else 7) and (b"WRONG" in result.out) != passed and not result.err
    assert json.loads(kodek("bench", "exactness", "--json", "--model", "x").out)["passed"] == passed
    assert asked == [(None, [(20, 10), (1, 1)]), ("x", None)]


@pytest.mark.parametrize("name", ["entropy", "codec"])
def test_missing_libraries(kodek: Kodek, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "compressai", None)
    result = kodek("bench", name)
    assert result.code == 5 and result.err.count("\n") == 1
    assert "needs compressai" in result.err and "pip install 'kodek[eval]'" in result.err and not result.out


def test_options_reach_the_benchmarks(kodek: Kodek, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []
    for module in (codec, entropy, memory):
        monkeypatch.setattr(module, "run", lambda *args, **options: asked.append((*args, options)) or {"seconds": 1})
    assert kodek("bench", "entropy", "--json").out == b'{"seconds": 1}\n'
    kodek("bench", "codec", "--image", "a.png", "-q", "3", "--malloc", "default", "--rows", tmp_path, "--json")
    kodek("bench", "memory", "--height", "8", "-t", "2", "--json")
    _, beside, large = asked
    assert beside[:2] == (Path("a.png"), None)
    assert beside[2] == {"quality": 3, "repeats": 9, "threads": None, "malloc": "default", "rows": tmp_path}
    assert large[1].pop("progress") and large[0] is None
    assert large[1] == {"width": 6000, "height": 8, "seconds": 3600, "quality": 50, "threads": 2}


@pytest.mark.parametrize(
    "options",
    [
        ("exactness", "--sizes", "5"),
        ("exactness", "--sizes", "5x5,"),
        ("estimate",),
        ("estimate", "--data", ".", "--qualities", "0,101"),
        ("estimate", "--data", ".", "--qualities", ""),
        ("estimate", "--data", ".", "--qualities", "nan"),
        ("entropy", "--repeats", "0"),
        ("codec", "--malloc", "slow"),
        ("codec", "--rows", "no-such-folder"),
        ("memory", "--width", "0"),
    ],
)
def test_wrong_options(kodek: Kodek, options: tuple[str, ...]) -> None:
    result = kodek("bench", *options)
    assert result.code == 2 and result.err.count("\n") == 1 and not result.out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("memory", "--model", "no-such-model"), 5),
        (("memory", "--width", "60000", "--height", "60000"), 3),
        (("exactness", "--sizes", "0x5"), 3),
        (("estimate", "--data", "no-such-folder"), 3),
        (("target", "--data", "no-such-folder"), 3),
    ],
)
def test_refused_in_a_sentence(kodek: Kodek, options: tuple[str, ...], code: int) -> None:
    result = kodek("bench", *options)
    assert result.code == code and result.err.startswith("kodek: ") and result.err.count("\n") == 1
