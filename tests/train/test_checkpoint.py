import random
from pathlib import Path

import numpy as np
import pytest
import torch
from kodek.train import TrainError
from kodek.train.checkpoint import (
    load_checkpoint,
    load_state,
    random_states,
    save_checkpoint,
    save_state,
    set_random_states,
)


def test_a_portable_state_keeps_the_weights_in_half_precision(tmp_path: Path) -> None:
    model = torch.nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    save_state(tmp_path / "a.safetensors", model, 1234, "image-hyperprior", {"lambdas": [0.001, 0.15]})
    state = load_state(tmp_path / "a.safetensors")
    assert (state.step, state.codec, state.task) == (1234, "image-hyperprior", {"lambdas": [0.001, 0.15]})
    for name, value in model.state_dict().items():
        assert state.weights[name].dtype == torch.float32
        torch.testing.assert_close(state.weights[name], value, rtol=1e-3, atol=1e-6)
    assert (tmp_path / "a.safetensors").stat().st_size < 2 * 224 + 1024


def test_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(TrainError):
        load_state(path)
    with pytest.raises(TrainError, match="nothing to resume"):
        load_checkpoint(path)
    for content in (b"", b"something else", b"\x80\x02cos\nsystem\n(S'true'\ntR."):
        path.write_bytes(content)
        with pytest.raises(TrainError):
            load_state(path)
        with pytest.raises(TrainError, match="damaged"):
            load_checkpoint(path)


def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"weights": torch.arange(1000)})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainError, match="damaged"):
        load_checkpoint(path)


def test_every_random_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.normal()), torch.rand(1).item()

    draw()
    store = np.random.default_rng(7)
    save_checkpoint(tmp_path / "c.pt", random_states() | {"task": store.bit_generator.state})
    expected, crop = [draw() for _ in range(3)], store.random()
    states = load_checkpoint(tmp_path / "c.pt")
    set_random_states(states)
    store.bit_generator.state = states["task"]
    assert [draw() for _ in range(3)] == expected
    assert store.random() == crop


def test_no_space_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]
