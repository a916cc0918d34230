"""The benches of sound, on an untrained model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.audio.codec import AudioCodec
from kodek.datasets import write_flac
from kodek.eval.bench import codes, damage, exactness, quantisers, stream
from kodek.eval.bench.controls import sabotage
from kodek.eval.bench.subjects import Sounds
from kodek.eval.errors import EvalError
from kodek.eval.sounds import pieces, syllables

from .conftest import TINY, TINY_SOUND, TINY_STEADY

SIZES = [(1, 50), (2, 2), (1, 1)]


@pytest.fixture(params=[TINY_SOUND, TINY_STEADY], ids=["plain", "steady"])
def sounds(request: pytest.FixtureRequest) -> Sounds:
    """Of a codec of its own, which may be sabotaged."""
    return Sounds(AudioCodec.load(request.param / "weights.safetensors"))


@pytest.mark.parametrize("options", [{}, {"batch": 4}, {"channels_last": True}, {"perturb": True}])
def test_codes_are_exact(sounds: Sounds, options: dict[str, int]) -> None:
    files = sounds.encode(SIZES)
    assert len(files) == 9 and {coded.facts[0][1] for coded in files} == {1, 2, sounds.codec.stages}
    assert exactness.decode_all(sounds, files, **options) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("control", exactness.CONTROLS)
def test_a_float_in_the_prior_of_codes_is_found(sounds: Sounds, control: str) -> None:
    sabotage(sounds.codec, control)
    failures = exactness.decode_all(sounds, sounds.encode(SIZES), **exactness.CONTROLS[control])
    assert any("50 frames" in failure for failure in failures)


def test_streamed_is_the_same_as_whole() -> None:
    result = stream.run(str(TINY_SOUND), seconds=1, long=0, stages=2, quality=50)
    assert result == json.loads(json.dumps(result)) and result["passed"]
    assert [each["rate"] for each in result["pieces"]] == [24000, 44100]
    assert result["latency"] == {"24000": pytest.approx(0.06), "48000": pytest.approx(0.065, abs=0.002)}
    assert result["framing"]["packet"] <= 4 and result["framing"]["live"] > result["framing"]["file"] > 0
    assert "the same bytes and samples" in stream.report(result)
    result["pieces"][0]["differ"] = ["file, random"]
    assert "DIFFERENT: file, random" in stream.report(result)


def test_other_bytes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(sound, sizes):
        for number, piece in enumerate(pieces(sound, sizes)):
            yield piece if number % 2 else 0.5 * piece

    monkeypatch.setattr(stream, "pieces", leaky)
    monkeypatch.setattr(stream, "RATES", (24000,))
    result = stream.run(str(TINY_SOUND), seconds=1, long=0, stages=2, quality=50)
    assert not result["passed"] and "file, 20 ms" in result["pieces"][0]["differ"]


def test_one_second_is_lost() -> None:
    result = damage.run(str(TINY_SOUND), seconds=3, stages=2)
    assert result == json.loads(json.dumps(result)) and result["passed"] and len(result["chunks"]) == 4
    assert result["chunks"][1]["span"] == pytest.approx([0.98, 1.98])
    assert "0.98 to 1.98" in result["chunks"][1]["strict"]
    assert "one damaged second costs that second" in damage.report(result)
    result["chunks"][1]["named"] = False
    assert "WRONG" in damage.report(result)
    with pytest.raises(EvalError, match="needs 3 seconds"):
        damage.run(str(TINY_SOUND), seconds=1, stages=2)


@pytest.mark.parametrize(("model", "steady"), [(TINY_SOUND, 0), (TINY_STEADY, 2)])
def test_bits_by_stage(model: Path, steady: int, tmp_path: Path) -> None:
    for number in range(2):
        write_flac(tmp_path / f"{number}.flac", syllables(2 + number, 24000))
    (tmp_path / "broken.flac").write_bytes(b"no sound")
    result = codes.run(str(tmp_path), str(model), [1, 2, 99])
    assert len(result["left_out"]) == 1 and result["files"] == 2 and len(result["stages"]) == 6
    assert result["frames"] == 2 * 50 + 1 + 3 * 50 + 1 and not result["passed"]  # its prior is made up
    for stage in result["stages"]:
        assert stage["fixed"] == 6 and 0 < stage["static"] < 7 and 0 < stage["perplexity"] <= 1
    one, two = result["rates"]
    assert one["fixed"] == pytest.approx(0.3 + steady * 6 * 7 * 50 / result["frames"] / 1000)
    seconds = 7 * 50 / result["frames"]  # as codes of steady stages come, 7 of them
    ideal = sum(stage["coded"] for stage in result["stages"][:2]) * 50 / 1000
    ideal += sum(stage["coded"] for stage in result["steady"]) * seconds / 1000
    assert one["true"] < two["true"] and len(result["steady"]) == steady
    assert ideal < two["true"] < ideal + 8 * 8 * 7 / 5 / 1000  # a few bytes for each second
    assert all(stage["fixed"] == 6 and 1 / 7 <= stage["different"] <= 1 for stage in result["steady"])
    assert "BELOW" in codes.report(result) and ("steady" in codes.report(result)) == (steady > 0)


def test_order_0_of_known_codes() -> None:
    uniform = np.tile(np.arange(4, dtype=np.int16), 100)[None, None]
    found = codes._order0([uniform, uniform], 0, 4)
    assert found["perplexity"] == pytest.approx(1) and found["static"] == pytest.approx(2)
    alone = codes._order0([np.zeros((1, 1, 100), np.int16)] * 2, 0, 4)
    assert alone["perplexity"] == pytest.approx(0.25) and alone["static"] == pytest.approx(np.log2(104 / 101))


def test_models_at_equal_rates(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_flac(tmp_path / "data" / "a.flac", syllables(2, 24000))
    options = {"kilobits": (0.8, 1.4), "measures": ("si-sdr",), "jobs": 1}
    result = quantisers.run([TINY_SOUND], str(tmp_path / "data"), tmp_path / "out", **options)
    (member,) = result["members"]
    assert result == json.loads(json.dumps(result)) and member["stages"] == 6 and 0 < member["perplexity"] < 1
    assert 0.5 < member["points"]["0.8"]["rate"] <= 0.8 < member["points"]["1.4"]["rate"] <= 1.4
    assert "SI-SDR" in quantisers.report(result) and "tiny-sound-fixture" in quantisers.report(result)


def test_pictures_have_no_stream() -> None:
    with pytest.raises(EvalError, match="does not code audio"):
        stream.run(str(TINY), seconds=1, long=0, stages=1, quality=50)
