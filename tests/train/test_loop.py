import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kodek.codecs.image.codec import ImageCodec
from kodek.train import Interrupted, TrainError, export_run, run
from kodek.train.checkpoint import load_checkpoint, load_state
from kodek.train.export import import_model
from kodek.train.tasks.image import ImageTask


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def after(step: int, what: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen while a step is under way."""
    batch, calls = ImageTask.batch, []

    def interrupted(self: ImageTask, *args: Any) -> Any:
        calls.append(1)
        if len(calls) == step:
            what()
        return batch(self, *args)

    monkeypatch.setattr(ImageTask, "batch", interrupted)


def train(photos: Path, out: Path, recipe: Path | None, resume: bool = False, **overrides: Any) -> dict[str, Any]:
    torch.rand(3)  # whatever the process did before must not matter
    run("image-hyperprior", str(photos), out, recipe, resume, overrides)
    return load_checkpoint(out / "checkpoint.pt")


def kill() -> None:
    raise SystemError("killed")


@pytest.mark.parametrize("how", ["signal", "kill"])
def test_interrupted_and_resumed_equals_uninterrupted(
    how: str, photos: Path, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe(accumulate=2, save_every=1e-9 if how == "kill" else 60)
    expected = train(photos, tmp_path / "straight", path)
    with monkeypatch.context() as patch:
        if how == "signal":
            after(9, lambda: signal.raise_signal(signal.SIGTERM), patch)
            with pytest.raises(Interrupted, match=r"kodek train image-hyperprior --out .*two parts' --resume"):
                train(photos, tmp_path / "two parts", path)
        else:
            after(9, kill, patch)
            with pytest.raises(SystemError):
                train(photos, tmp_path / "two parts", path)
    stopped = load_checkpoint(tmp_path / "two parts" / "checkpoint.pt")["position"]["step"]
    assert stopped == (5 if how == "signal" else 4)
    result = train(photos, tmp_path / "two parts", None, resume=True)
    for key in ("model", "ema", "optimizer", "random", "task"):
        assert equal(result[key], expected[key]), key
    assert result["position"]["step"] == expected["position"]["step"] == 8


def test_validation_on_real_bytes_keeps_the_best_and_exports(photos: Path, recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    weights = run("image-hyperprior", str(photos), out, recipe(validations=2), False, {})
    rows = [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 8]
    best = min(rows, key=lambda row: row["bd_rate_jpeg"])
    assert all(low < high for row in rows for low, high in (row["bpp"], row["psnr"]))
    assert weights == out / "best.safetensors" and load_state(weights).step == best["step"]
    assert load_state(out / "state.safetensors").step == 8
    assert any((out / "tensorboard").iterdir())
    export_run(out, tmp_path / "model", {"name": "tiny", "data": "generated", "licence": "CC0"})
    assert ImageCodec.load(tmp_path / "model" / "weights.safetensors").name == "tiny"
    card = (tmp_path / "model" / "card.md").read_text()
    assert "generated" in card and f"steps: {best['step']}" in card


def test_a_state_goes_on_with_a_new_optimizer(photos: Path, recipe, tmp_path: Path) -> None:
    first = train(photos, tmp_path / "a", recipe())
    init = str(tmp_path / "a" / "state.safetensors")
    second = train(photos, tmp_path / "b", recipe(), steps=1, init=init, start=0.5, learning_rate=1e-9)
    assert second["position"] | {"seconds": 0} == first["position"] | {"seconds": 0, "step": 1, "before": 8, "phase": 0}
    for name, value in first["ema"].items():
        torch.testing.assert_close(second["model"][name], value, rtol=2e-3, atol=1e-4)


def test_steps_with_gradients_that_are_not_finite_are_skipped_and_counted(
    photos: Path, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ImageTask.batch
    bad = {3, 4}
    calls: list[int] = []

    def poisoned(self: ImageTask, *args: Any) -> Any:
        x, t = batch(self, *args)
        calls.append(1)
        return (x * float("nan") if len(calls) in bad else x), t

    monkeypatch.setattr(ImageTask, "batch", poisoned)
    result = train(photos, tmp_path / "a", recipe())
    assert result["position"]["skipped"] == 2 and result["position"]["skipped_in_row"] == 0
    assert all(value.isfinite().all() for value in result["model"].values())
    bad = set(range(100))
    with pytest.raises(TrainError, match="gradients of 5 steps in a row were not finite"):
        train(photos, tmp_path / "b", recipe(give_up=5))


def test_a_folder_with_a_run_is_not_overwritten(photos: Path, recipe, tmp_path: Path) -> None:
    train(photos, tmp_path / "a", recipe(), steps=1)
    with pytest.raises(TrainError, match="holds a run already"):
        train(photos, tmp_path / "a", recipe())
    with pytest.raises(TrainError, match="no run in"):
        train(photos, tmp_path / "b", recipe(), resume=True)
    widths = {"lambdas": [0.001, 0.15], "model": {"width": 24}}
    with pytest.raises(TrainError, match="differs from that of the run"):
        train(photos, tmp_path / "a", None, resume=True, task=widths)
    train(photos, tmp_path / "a", None, resume=True)  # what was refused left no trace


def test_without_a_compiler_training_goes_on(
    photos: Path, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", fail)
    assert train(photos, tmp_path / "a", recipe(compile=True, steps=1))["position"]["step"] == 1
    assert "not compiled" in capsys.readouterr().err


def test_a_place_that_can_not_be_written(photos: Path, recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TrainError, match="file"):
        train(photos, tmp_path / "file", recipe())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": {"lambdas": [0.15, 0.001]}}, "lambdas must rise"),
        ({"task": {"lambda": [0.001, 0.15]}}, "no setting lambda; did you mean lambdas"),
        ({"task": {}}, "lambdas: field required"),
        ({"task": {"lambdas": [0.001, 0.15], "model": {"wdth": 3}}}, "no setting wdth"),
        ({"phases": [{"until": 1, "crop": 100, "batch": 2}]}, "multiples of 16"),
        ({"phases": [{"until": 1, "crop": 256, "batch": 2}]}, "256 x 256"),
    ],
)
def test_what_only_the_task_can_refuse(photos: Path, recipe, tmp_path: Path, changes: dict, sentence: str) -> None:
    with pytest.raises(TrainError, match=sentence):
        train(photos, tmp_path / "a", recipe(**changes))


def test_plain_lines_where_there_is_no_terminal(photos: Path, recipe, tmp_path: Path, capsys) -> None:
    train(photos, tmp_path / "a", recipe())
    data, *lines = capsys.readouterr().err.splitlines()
    assert data.startswith("Decoding the data: ")
    assert lines[0].startswith("step 4  bpp ") and all(word in lines[0] for word in ("PSNR", "loss", "crops/s", "ETA"))
    assert lines[1].startswith("step 8") and "100.0%" in lines[1]


def test_transforms_of_another_codec_under_a_new_prior(photos: Path, recipe, tmp_path: Path) -> None:
    """image-mlic from image-hyperprior's state: the frozen phase moves nothing but the prior, then all learns."""
    train(photos, tmp_path / "first", recipe())
    state = tmp_path / "first" / "state.safetensors"
    task = {**yaml.safe_load(recipe().read_text())["task"], "transforms": str(state)}
    task["model"] = {**task["model"], "slices": [4, 12], "attention": 8}
    task["model"]["analysis_blocks"] = task["model"]["analysis_blocks"] + 1  # more than there are to start from
    frozen = [{"until": 1.0, "crop": 64, "batch": 2, "only": ["prior.slices", "hyper_analysis"]}]
    made = recipe(codec="image-mlic", task=task, phases=frozen, steps=3)
    run("image-mlic", str(photos), tmp_path / "second", made)
    given, learnt = load_state(state).weights, load_checkpoint(tmp_path / "second" / "checkpoint.pt")["model"]
    for name in ("analysis.down.weight", "synthesis.first.mix.weight"):
        torch.testing.assert_close(learnt[name].sum((1, 2, 3)).sort()[0], given[name].sum((1, 2, 3)).sort()[0])
    last = task["model"]["analysis_blocks"] - 1
    assert not learnt[f"analysis.blocks.{last}.mix.weight"].any()
    assert not torch.equal(learnt["hyper_analysis.down2.weight"], given["hyper_analysis.down2.weight"])
    phases = [frozen[0] | {"until": 0.5}, {"until": 1.0, "crop": 64, "batch": 2}]
    made = recipe(codec="image-mlic", task=task, phases=phases, steps=4)
    run("image-mlic", str(photos), tmp_path / "third", made)
    moved = load_checkpoint(tmp_path / "third" / "checkpoint.pt")["model"]
    assert not torch.equal(moved["analysis.down.weight"], learnt["analysis.down.weight"])
    export_run(tmp_path / "third", tmp_path / "model", {"name": "m", "data": "generated", "licence": "CC0"})
    assert ImageCodec.load(tmp_path / "model" / "weights.safetensors").family.name == "image-mlic"


def test_an_exported_model_can_be_trained_on(photos: Path, recipe, tmp_path: Path) -> None:
    trained = train(photos, tmp_path / "run", recipe())
    model = tmp_path / "model"
    export_run(tmp_path / "run", model, {"name": "m", "data": "generated", "licence": "CC0"}, best=False)
    state = import_model(model / "weights.safetensors")
    for name, value in trained["ema"].items():
        torch.testing.assert_close(state.weights[name], value, rtol=2e-3, atol=2e-3, msg=name)
    after = train(photos, tmp_path / "on", recipe(), steps=1, init=str(model), learning_rate=1e-9)
    assert after["position"]["before"] == 8
