from pathlib import Path

import pytest
from kodek.train import TrainError
from kodek.train.recipe import RECIPES, load_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_short_and_valid(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.codec == path.stem
    assert len(path.read_text().splitlines()) <= 40


def test_overrides_replace_and_the_dump_reads_back(recipe, tmp_path: Path) -> None:
    loaded = load_recipe("image-hyperprior", recipe(), {"steps": None, "minutes": 2.5, "learning_rate": "1e-4"})
    assert (loaded.steps, loaded.minutes, loaded.learning_rate) == (None, 2.5, 1e-4)
    dumped = tmp_path / "dumped.yaml"
    dumped.write_text(loaded.dump())
    assert load_recipe("image-hyperprior", dumped) == loaded


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"learning_rte": 1}, "there is no setting learning_rte; did you mean learning_rate?"),
        ({"colour": "red"}, "there is no setting colour."),
        (
            {"phases": [{"until": 1, "crop": 64, "bach": 2}]},
            "there is no setting phases.0.bach; did you mean batch?",
        ),
        ({"steps": None}, "set steps, minutes or both"),
        ({"steps": 0}, "steps: input should be greater than 0"),
        ({"steps": "many"}, "steps: input should be a valid integer"),
        ({"phases": [{"until": 0.5, "crop": 64, "batch": 2}]}, "must rise and end at 1"),
        ({"phases": []}, "phases:"),
        ({"precision": "fp8"}, "precision: input should be 'fp32' or 'bf16'"),
        ({"start": 0.5}, "start needs init"),
        ({"codec": "video"}, "is for video, not for image-hyperprior"),
    ],
)
def test_a_bad_recipe_is_one_sentence(recipe, changes: dict, sentence: str) -> None:
    with pytest.raises(TrainError) as caught:
        load_recipe("image-hyperprior", recipe(**changes))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value)[-1] in ".?"


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"a: [1\n", b"\xff\xfe\x00", b"a: b: c"])
def test_a_file_that_is_no_recipe(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(TrainError) as caught:
        load_recipe("image-hyperprior", path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_recipe_and_an_unknown_codec(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="No such file"):
        load_recipe("image-hyperprior", tmp_path / "nothing.yaml")
    with pytest.raises(TrainError, match="there are recipes for: audio-rvq, image-hyperprior"):
        load_recipe("image-hyperpriör")
