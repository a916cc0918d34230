"""`kodek bench ablation` and `kodek bench profile`, from pictures to a table."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from kodek.eval.bench import profile
from kodek.eval.bench.profile import PARTS, Stopwatch
from kodek.train import ablation, run
from PIL import Image

from .conftest import Kodek, pixels
from .test_train import RECIPE

MEMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "two-part": ("image-hyperprior", {}),
    "small": ("image-mlic", {"slices": (4, 12), "attention": 8, "residual": False}),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(pixels(96 + 8 * number, 112)).save(folder / f"lake{'abc'[number]}-1.png")
    return folder


def test_ablation(kodek: Kodek, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE | {"steps": 1, "held_out": []}))
    run("image-hyperprior", str(photos), tmp_path / "first", recipe)
    state = tmp_path / "first" / "state.safetensors"
    train = partial(ablation.train_members, phases=[(1.0, 64, 1)])
    monkeypatch.setattr(ablation, "train_members", train)
    monkeypatch.setattr(ablation, "MEMBERS", MEMBERS)
    common = ("bench", "ablation", "--data", photos, "--test", photos, "--out", tmp_path / "out", "--jobs", "1")
    common = (*common, "--steps", "2", "--transforms", state, "--qualities", "10,90", "--repeats", "1")
    result = kodek(*common, "--presets", "small,two-part", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    first, second = document["members"]
    assert (first["name"], second["name"], document["files"]) == ("small", "two-part", 3)
    assert first["rate"] == pytest.approx(0) and abs(second["rate"]) < 100
    for member in (first, second):
        (_, low, worse), (_, high, better) = member["points"]
        assert 0 < low < high and worse < better
        assert member["seconds"]["median"] >= member["seconds"]["min"] > 0 and member["weights"] > 1000
    assert first["points"][0][2] == pytest.approx(second["points"][0][2], abs=0.5), "one pair of transforms for both"
    result = kodek(*common, "--presets", "small,none-such")
    assert result.code == 2 and "none-such" in result.err and "two-part" in result.err


def test_profile(kodek: Kodek) -> None:
    result = kodek("bench", "profile", "--width", "70", "--height", "50", "--repeats", "1", "--json")
    assert result.code == 0, result.err
    parts = json.loads(result.out)["parts"]
    assert tuple(parts) == PARTS
    assert all(parts[part] > 0 for part in PARTS if part != "attention")  # which this model has none of
    assert kodek("bench", "profile", "--repeats", "0").code == 2
    result = kodek("bench", "profile", "--width", "4096")
    assert result.code == 3 and "one tile" in result.err


def test_profile_of_the_multi_reference_prior() -> None:
    result = profile.run("tiny-mlic-fixture", size=(70, 50), quality=50, repeats=2)
    assert all(result["parts"][part] > 0 for part in PARTS)
    assert result["total"] == pytest.approx(sum(result["parts"].values()))
    assert "entropy coding" in profile.report(result) and "%" in profile.report(result)


def test_stopwatch_counts_the_innermost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("kodek.eval.bench.profile.time.perf_counter", lambda: next(now))
    watch = Stopwatch()
    inner = watch.timed("heads", lambda: None)
    watch.timed("synthesis", lambda: (inner(), inner()))()
    assert watch.seconds == {profile.REST: 1, "synthesis": 3, "heads": 2}
    with pytest.raises(ZeroDivisionError):
        watch.timed("heads", lambda: 1 / 0)()
    watch.enter("synthesis")
    assert watch.seconds["heads"] == 3, "an exception stops the clock of its part"
