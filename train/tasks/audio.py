"""Training of the audio codec: random crops, a random number of stages each, then the prior of its codes alone."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs import zoo
from kodek.codecs.audio import prior_loss, prior_start
from kodek.codecs.audio.choice import PRICE, choose
from kodek.codecs.audio.model import AudioModel, Config
from kodek.codecs.audio.quantisers import SEGMENT, ResidualQuantiser
from kodek.codecs.errors import UnknownModelError, VersionError
from kodek.datasets import MediaError, read_audio
from kodek.datasets.sound_store import SoundStore
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ..adversary import Adversary
from ..checkpoint import State, load_state
from ..data import HELD_OUT, prepare, recordings
from ..errors import TrainError
from ..export_sound import export_sound, exported, import_sound
from ..losses import SoundLoss
from ..measure_sound import SoundQuality, excerpt, measure, perplexity
from ..recipe import Phase, Recipe, Settings, check, network_config
from ..redundancy import Redundancy
from ..task import Track

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"stages": 52, "steady": 4, "prior": {"width": 128, "kernel": 7, "depth": 2}},
    "full": {
        "stages": 52,
        "steady": 4,
        "width": 512,
        "latent": 128,
        "analysis_blocks": 8,
        "synthesis_blocks": 12,
        "expansion": 3,
        "prior": {"width": 192, "rank": 32},
    },
}
SHORTEST = 4800  # samples of a crop
STARTING = 60_000  # frames that codebooks and the prior start from: 60 a code
EARLY = 3  # frames that hear the silence before a crop
CHOSEN = 0.75  # of the batches that the prior learns from have codes that it chose itself, as files do
SHALLOW = 0.6  # of the batches use a third of the stages at most: looking codes up in all takes longer than the rest


class LossSettings(Settings):
    """See `SoundLoss`."""

    mel: NonNegativeFloat = 15.0
    stft: NonNegativeFloat = 1.0
    wave: NonNegativeFloat = 0.1
    alternate: bool = True


class SoundSettings(Settings):
    """model: settings of the codec's `Config`, on top of its `preset` if that is named.

    commitment: weight of the quantiser's loss. redundancy: what a bit of it is worth, see `Redundancy`. shares,
    judges: of the `Adversary` (its channels). speeds: see `SoundStore`. stages: numbers of them to validate
    at, besides the steady ones.
    """

    model: dict[str, Any] = Field({})
    loss: LossSettings = LossSettings()
    commitment: PositiveFloat = 1.0
    redundancy: NonNegativeFloat = 0.25
    shares: dict[str, PositiveFloat] = Field({"distance": 2.0, "adversarial": 4.0, "features": 4.0})
    judges: PositiveInt = 32
    speeds: float = Field(0.0, ge=0, lt=0.5)
    stages: list[PositiveInt] = Field([2, 4, 8, 16, 32], min_length=2)


class SoundObjective(nn.Module):
    """x float [B, n] in [-1, 1], stages int64 [B] -> what the phase trains costs, and its parts.

    codes_only: bits of a code under the prior; otherwise what decoded sound costs, `judged` by the adversary or not.
    worth: of a bit of redundancy.
    """

    def __init__(self, model: AudioModel, loss: SoundLoss, adversary: Adversary | None, commitment: float) -> None:
        super().__init__()
        self.model, self.loss, self.adversary, self.commitment = model, loss, adversary, commitment
        self.redundancy, self.worth = Redundancy(model.config.latent), 0.0
        self.codes_only = self.judged = False

    def forward(self, x: Tensor, stages: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self.codes_only:
            bits = prior_loss.prior_loss(self.model.prior, codes(self.model, x))
            return bits, {"bits": bits.detach()}
        x_hat, _, terms = self.model(x, stages)
        if self.judged and self.adversary is not None:
            return self.adversary(x_hat, x, self.loss)
        loss, parts = self.loss(x_hat, x)
        redundancy = self.redundancy(terms["latents"])
        loss = loss + self.commitment * terms["commitment"] - self.worth * redundancy
        return loss, parts | {"commitment": terms["commitment"].detach(), "redundancy": redundancy.detach()}


@torch.no_grad()
def latents(model: AudioModel, x: Tensor) -> Tensor:
    """[B, n] -> [B, T, latent], without those that hear the silence before a crop."""
    return model.analysis(F.pad(x, (0, model.config.hop)))[:, EARLY:]


@torch.no_grad()
def codes(model: AudioModel, x: Tensor) -> Tensor:
    """[B, n] -> int64 [B, stages, T], for the prior to learn from: chosen at about the price of files, or nearest."""
    z, quantiser, stages = latents(model, x), model.quantiser, model.config.stages
    count = z.shape[1] // SEGMENT
    if not isinstance(quantiser, ResidualQuantiser) or not count or torch.rand(()) >= CHOSEN:
        return quantiser.encode(z, stages)
    segments = z[:, : count * SEGMENT].reshape(-1, SEGMENT, z.shape[2])
    chosen = choose(model.prior, quantiser, segments, stages, PRICE * (0.4 + float(torch.rand(()))))
    return chosen.unflatten(0, (-1, count)).transpose(1, 2).flatten(2)


class AudioTask:
    """`kodek.train.task.Task` for the audio codec."""

    def __init__(self, recipe: Recipe, data: str, out: Path, track: Track) -> None:
        settings = check(SoundSettings, recipe.task, "The recipe's task")
        self.model = AudioModel(network_config(recipe.codec, Config, PRESETS, settings.model))
        config = self.model.config
        adversarial = any(phase.adversarial for phase in recipe.phases)
        self.adversary = Adversary(settings.judges, settings.shares) if adversarial else None
        try:
            loss = SoundLoss(config.rate, **settings.loss.model_dump())
        except MediaError as error:
            raise TrainError(str(error)) from error
        self.objective = SoundObjective(self.model, loss, self.adversary, settings.commitment)
        self._worth = settings.redundancy
        self.settings = settings.model_dump(mode="json") | {"model": dataclasses.asdict(config)}
        for phase in recipe.phases:
            if phase.crop % config.hop or phase.crop < SHORTEST:
                raise TrainError(f"The recipe's crops must be multiples of {config.hop} samples, {SHORTEST} at least.")
        self._track = track
        corpus = prepare(data, out / "data", recipe.held_out, recordings(config.rate), track)
        self.data_key, self.notes = corpus.key, corpus.notes
        self._store = SoundStore(corpus.store, recipe.seed, settings.speeds)
        self._held_out = [source for source in corpus.held_out if isinstance(source, Path)]
        self._stages = sorted({min(config.steady + count, config.stages) for count in settings.stages})
        self._quantised = True

    def state(self, path: Path) -> State:
        try:
            entry = zoo.find(path)
        except (UnknownModelError, VersionError):
            return load_state(path)
        return import_sound(entry.path)

    def initialise(self) -> None:
        """A prior that knows nothing: every code is as likely as every other."""
        prior_start.initialise(self.model.prior, torch.zeros((1, self.model.config.stages, 0), dtype=torch.int64))

    def enter(self, phase: Phase) -> None:
        model, objective = self.model, self.objective
        objective.judged = phase.adversarial
        objective.codes_only = phase.trains("prior") and not phase.trains("synthesis")
        model.prior.requires_grad_(objective.codes_only)
        if "forward" not in vars(model.quantiser):  # a loop whose length the data say: not to be compiled
            model.quantiser.forward = torch.compiler.disable(model.quantiser.forward)
        learns = phase.trains("quantiser") and not objective.codes_only
        model.quantiser.train(learns)
        self._quantised = learns or not phase.trains("analysis")
        # where latents learn, and are quantised: others would follow it anywhere
        objective.worth = self._worth if learns and phase.trains("analysis") else 0.0
        settled = 1 if phase.trains("analysis") else 2
        if learns and isinstance(model.quantiser, ResidualQuantiser) and model.quantiser.started < settled:
            track = functools.partial(self._track, count=model.config.stages, what="Fitting codebooks")
            model.quantiser.start(self._latents(phase.crop), track)
            model.quantiser.started.fill_(settled)
        if objective.codes_only and not model.prior.stages[0].table.weight[:, -1].any():
            self._start_prior(phase.crop)

    def seed(self, seed: int, process: int) -> None:
        self._store.random = np.random.default_rng([seed, process])

    def batch(self, count: int, crop: int, where: torch.device) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(self._store.batch(count, crop))
        stages = torch.zeros(count, dtype=torch.int64)
        if self._quantised:
            steady = self.model.config.steady
            most = self.model.config.stages - steady
            most = -(-most // 3) if torch.rand(()) < SHALLOW else most
            stages = steady + torch.exp(torch.rand(count) * math.log(most + 1)).long().clamp(1, most)
        return x.to(where, non_blocking=True), stages.to(where, non_blocking=True)

    def numbers(self, means: Mapping[str, float]) -> dict[str, float]:
        numbers = {name: value for name, value in means.items() if name != "loss"}
        books = getattr(self.model.quantiser, "books", [])
        if books and self.model.quantiser.training:
            numbers["perplexity"] = float(perplexity(torch.stack([book.usage for book in books])).mean())
            numbers["replaced"] = float(sum(book.replaced for book in books))
            for book in books:
                book.replaced.zero_()
        return numbers

    def running_state(self) -> dict[str, Any]:
        return {"store": self._store.state, "redundancy": self.objective.redundancy.state_dict()}

    def set_running_state(self, state: dict[str, Any]) -> None:
        self._store.state = state["store"]
        self.objective.redundancy.load_state_dict(state["redundancy"])

    def validate(self, model: nn.Module) -> SoundQuality | None:
        if not self._excerpts:
            return None
        assert isinstance(model, AudioModel)
        return measure(exported(model, "validation"), self._excerpts, self._stages)

    def export(self, model: nn.Module, folder: Path, facts: Mapping[str, str]) -> None:
        assert isinstance(model, AudioModel)
        export_sound(model, folder, facts, self._excerpts)

    @functools.cached_property
    def _excerpts(self) -> list[np.ndarray]:
        """float32 [n]; recordings that can't be read are reported by what is left of them."""
        found, rate = [], self.model.config.rate
        for source in self._held_out[:: -(-len(self._held_out) // HELD_OUT) or 1]:
            with contextlib.suppress(MediaError):
                found.append(excerpt(read_audio(source, rate, mono=True).samples[0], rate))
        return found

    @torch.no_grad()
    def _start_prior(self, crop: int) -> None:
        """From codes and their vectors: what they add to the latents."""
        prior, quantiser, c = self.model.prior, self.model.quantiser, self.model.config
        found = quantiser.encode(self._latents(crop), c.stages)
        vectors = None
        if books := getattr(quantiser, "books", []):
            at = [(part.start, c.latent - part.stop) for part in quantiser.parts]
            vectors = torch.stack([F.pad(book.vectors, where) for book, where in zip(books, at, strict=True)]).cpu()
        device = found.device
        prior_start.initialise(prior.cpu(), found.cpu(), vectors)
        prior.to(device)

    @torch.no_grad()
    def _latents(self, crop: int) -> Tensor:
        """[B, T, latent] of random crops."""
        where = next(self.model.parameters()).device
        made: list[Tensor] = []
        while sum(part.shape[0] * part.shape[1] for part in made) < STARTING:
            x = torch.from_numpy(self._store.batch(16, crop)).to(where)
            made.append(latents(self.model, x))
        return torch.cat(made)
