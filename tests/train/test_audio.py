"""The audio codec from a folder of sound to a model, through every phase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from kodek.codecs.audio.codec import AudioCodec
from kodek.codecs.audio.file import AudioEncoder
from kodek.codecs.audio.model import AudioModel, Config
from kodek.codecs.audio.prior_start import initialise
from kodek.datasets import Audio, write_wav
from kodek.entropy.coder import Estimator
from kodek.train import TrainError, export_run, run
from kodek.train.checkpoint import load_checkpoint, load_state
from kodek.train.export_sound import import_sound
from kodek.train.quantisers import MEMBERS, train_quantisers
from kodek.train.tasks import audio
from kodek.train.tasks.audio import AudioTask

from .test_loop import equal

MODEL = {
    "width": 16,
    "latent": 8,
    "analysis_blocks": 1,
    "synthesis_blocks": 1,
    "stages": 3,
    "codes": 32,
    "prior": {"width": 8, "depth": 1, "rank": 4},
}
LATENTS = {"until": 0.2, "crop": 4800, "batch": 2, "only": ["analysis", "synthesis"]}
CODES = {"until": 0.5, "crop": 4800, "batch": 2, "only": ["analysis", "quantiser", "synthesis"]}
JUDGED = {"until": 0.7, "crop": 4800, "batch": 2, "only": ["synthesis"], "adversarial": True, "learning_rate": 0.0003}
PRIOR = {"until": 1.0, "crop": 9600, "batch": 2, "only": ["prior"], "learning_rate": 0.01}
TINY = {
    "codec": "audio-rvq",
    "steps": 10,
    "phases": [LATENTS, CODES, JUDGED, PRIOR],
    "learning_rate": 0.001,
    "warmup": 3,
    "compile": False,
    "device": "cpu",
    "validations": 0,
    "log_every": 5,
    "held_out": ["voice"],
    "task": {"model": MODEL, "judges": 2, "stages": [1, 3]},
}
FACTS = {"name": "tiny", "data": "generated", "licence": "CC0"}
Recipes = Callable[..., Path]


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two voices and four bells: harmonics that move and fade."""
    folder = tmp_path_factory.mktemp("sounds")
    time = np.arange(24000) / 24000
    for group, count in (("voice", 2), ("bell", 4)):
        for number in range(count):
            pitch = 200 + 50 * number + 20 * np.sin(6 * time)
            tone = sum(np.sin(2 * np.pi * k * np.cumsum(pitch) / 24000) / k for k in range(1, 8))
            samples = 0.2 * tone * np.exp(-3 * time) + 1e-3 * np.random.default_rng(number).standard_normal(24000)
            write_wav(folder / f"{group}-{number}.wav", Audio(samples[None].astype(np.float32), 24000))
    return folder


@pytest.fixture(autouse=True)
def few_frames_to_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kodek.train.tasks.audio.STARTING", 200)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipes:
    def write(**changes: Any) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(TINY | changes))
        return path

    return write


def train(sounds: Path, out: Path, recipe: Path | None, resume: bool = False, **overrides: Any) -> dict[str, Any]:
    run("audio-rvq", str(sounds), out, recipe, resume, overrides)
    return load_checkpoint(out / "checkpoint.pt")


def test_from_a_folder_to_a_model_that_codes(sounds: Path, recipe: Recipes, tmp_path: Path, capsys) -> None:
    out, model = tmp_path / "run", tmp_path / "model"
    weights = run("audio-rvq", str(sounds), out, recipe(validations=2, log_every=1))
    assert weights == out / "best.safetensors"
    rows = [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [5, 10]
    for row in rows:
        assert row["points"]["stages"] == [1, 3] and row["points"]["kbps"][0] < row["points"]["kbps"][1]
        assert len(row["perplexity"]) == len(row["used"]) == len(row["residual"]) == 3
        assert all(0 < share <= 1 for share in row["perplexity"] + row["used"])
    shown = capsys.readouterr().err
    assert all(word in shown for word in ("mel", "commitment", "replaced", "discriminator", "bits", "kbit/s"))
    export_run(out, model, FACTS, best=False)
    card = (model / "card.md").read_text()
    assert "| 3 | " in card and "kbit/s" in card and "generated" in card
    codec = AudioCodec.load(model / "weights.safetensors")
    encoder = AudioEncoder(codec, 1, 24000, stages=2)
    encoder.push(np.zeros((1, 5000), np.float32))
    assert len(encoder.finish(5000)) < 500


def test_interrupted_and_resumed_equals_uninterrupted(
    sounds: Path, recipe: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recipe(save_every=1e-9)
    expected = train(sounds, tmp_path / "straight", path)
    batch, calls = AudioTask.batch, []

    def killed(self: AudioTask, *args: Any) -> Any:
        calls.append(1)
        if len(calls) in (5, 9):
            raise SystemError("killed")
        return batch(self, *args)

    monkeypatch.setattr(AudioTask, "batch", killed)
    for resume in (False, True):
        with pytest.raises(SystemError):
            train(sounds, tmp_path / "parts", None if resume else path, resume)
    result = train(sounds, tmp_path / "parts", None, resume=True)
    assert len(calls) == 12
    for key in ("model", "ema", "optimizer", "adversary", "adversary_optimizer", "random"):
        assert equal(result[key], expected[key]), key


def test_each_phase_moves_its_part_alone(sounds: Path, recipe: Recipes, tmp_path: Path) -> None:
    def after(number: int) -> dict[str, torch.Tensor]:
        phases = [*TINY["phases"][: number - 1], TINY["phases"][number - 1] | {"until": 1.0}]
        steps = (0, 2, 5, 7, 10)[number]
        return train(sounds, tmp_path / str(number), recipe(phases=phases, steps=steps))["ema"]

    def moved(before: dict[str, torch.Tensor], now: dict[str, torch.Tensor]) -> set[str]:
        return {name.partition(".")[0] for name in now if not torch.equal(before[name], now[name])}

    latents, codes = after(1), after(2)
    assert moved(latents, codes) == {"analysis", "quantiser", "synthesis"}
    assert latents["quantiser.started"] == 0 and codes["quantiser.started"] == 1
    last = train(sounds, tmp_path / "run", recipe())["ema"]
    judged = recipe(phases=[JUDGED | {"until": 1.0}], init=str(tmp_path / "run" / "state.safetensors"), steps=2)
    state = load_state(tmp_path / "run" / "state.safetensors").weights
    assert moved(state, train(sounds, tmp_path / "judged", judged)["ema"]) == {"synthesis"}
    prior = recipe(phases=[PRIOR], init=str(tmp_path / "run" / "state.safetensors"), steps=2)
    assert moved(state, train(sounds, tmp_path / "prior", prior)["ema"]) == {"prior"}
    assert last["prior.stages.0.table.weight"][:, -1].any()


def test_an_exported_model_can_be_trained_on(sounds: Path, recipe: Recipes, tmp_path: Path) -> None:
    trained = train(sounds, tmp_path / "run", recipe())
    export_run(tmp_path / "run", tmp_path / "model", FACTS, best=False)
    state = import_sound(tmp_path / "model" / "weights.safetensors")
    for name, value in trained["ema"].items():
        if not name.startswith("quantiser"):
            atol = 0.05 if "table" in name else 2e-3  # some tables have 8 bits
            torch.testing.assert_close(state.weights[name], value, rtol=2e-3, atol=atol, msg=name)
    codes = recipe(phases=[CODES | {"until": 1.0}], learning_rate=1e-9, steps=1, init=str(tmp_path / "model"))
    on = train(sounds, tmp_path / "on", codes)
    assert on["position"]["before"] == 10
    for name in ("0", "2"):  # codebooks go on, too
        book = f"quantiser.books.{name}"
        given, now = (w[f"{book}.total"] / w[f"{book}.usage"][:, None] for w in (trained["ema"], on["model"]))
        assert ((given - now).abs().amax(1) < 0.05 * given.abs().max()).float().mean() > 0.4


def test_quantisers_beside_each_other(sounds: Path, tmp_path: Path) -> None:
    members = {name: settings | ({"codes": 64} if name == "single" else {}) for name, settings in MEMBERS.items()}
    phases = [LATENTS, CODES | {"until": 0.8}, PRIOR]
    model = MODEL | {"stages": 4, "steady": 0}
    folders = train_quantisers(members, str(sounds), tmp_path, 4, model=model, phases=phases, held_out=["voice"])
    assert [folder.name for folder in folders] == ["rvq", "steady", "grouped", "masked", "single", "fsq", "waveform"]
    for folder in folders:
        codec = AudioCodec.load(folder / "weights.safetensors")
        assert codec.stages == {"single": 1, "steady": 16}.get(folder.name, 4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": {"loss": {"mell": 3}}}, "no setting loss.mell"),
        ({"task": {"model": {"quantiser": "vq"}}}, "quantiser: Input should be"),
        ({"task": {"model": {"preset": "huge"}}}, "no preset 'huge'; there are: small, full"),
        ({"task": {"model": {"preset": "small", "quantiser": "fsq"}}}, "none of fsq"),
        ({"phases": [LATENTS | {"until": 1.0, "crop": 5000}]}, "multiples of 480"),
    ],
)
def test_what_only_the_task_can_refuse(
    changes: dict[str, Any], sentence: str, sounds: Path, recipe: Recipes, tmp_path: Path
) -> None:
    with pytest.raises(TrainError, match=sentence):
        train(sounds, tmp_path / "run", recipe(**changes))


def test_no_sound(recipe: Recipes, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    with pytest.raises(TrainError, match="holds no recording"):
        train(folder, tmp_path / "run", recipe())
    for number in range(3):
        (folder / f"a{number}.wav").write_bytes(b"")
    with pytest.raises(TrainError, match="holds no sound that can be read to train on"):
        train(folder, tmp_path / "run", recipe())


@torch.no_grad()
@pytest.mark.parametrize("steady", [0, 1])
def test_the_prior_learns_from_codes_that_it_chose(steady: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = AudioModel(Config(**MODEL | {"steady": steady})).eval()
    x = 0.3 * torch.randn(2, 3 * 24000)
    model.quantiser.start(audio.latents(model, x))
    monkeypatch.setattr(audio, "CHOSEN", 0.0)
    nearest = audio.codes(model, x)[..., :100]
    initialise(model.prior, nearest, torch.stack([book.vectors for book in model.quantiser.books]))
    monkeypatch.setattr(audio, "CHOSEN", 1.0)
    monkeypatch.setattr(audio, "PRICE", 3.0)
    chosen = audio.codes(model, x)
    assert chosen.shape == (2, 3, 100) and chosen.dtype == torch.int64
    assert all((second == second[..., :1]).all() for second in chosen[:, :steady].split(50, 2))
    bits = []
    for codes in (nearest, chosen):
        estimator = Estimator(training=False)
        segments = codes.unfold(2, 50, 50).permute(0, 2, 1, 3).flatten(0, 1)
        model.prior.code(estimator, segments, tuple(segments.shape))
        bits.append(float(torch.as_tensor(estimator.bits).sum()))
    assert bits[1] < bits[0]
