"""Training of the image codecs: random crops, a random quality step each, rate plus lambda x distortion."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from kodek.codecs import zoo
from kodek.codecs.errors import UnknownModelError, VersionError
from kodek.codecs.image.hyperprior import STRIDE
from kodek.codecs.image.model import ImageModel, family
from kodek.datasets import MediaError
from kodek.datasets.store import CropStore, rgb_pixels
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn

from ..checkpoint import State, load_state
from ..data import pictures, prepare
from ..errors import TrainError
from ..export import export_model, import_model
from ..klt import initialise
from ..recipe import Phase, Recipe, Settings, check, network_config
from ..task import Track
from ..transfer import transfer
from ..validate import Curve, ImageValidation, jpeg_curve, validate

STEPS = 64  # quality steps; a crop is trained on one of them
INITIAL_CROPS = 256
VALIDATION_SIDE = 768  # larger pictures are validated on their centre: a camera's photos would take minutes


class ImageSettings(Settings):
    """lambdas: of the lowest and the highest step. positions: quality bytes to validate at.

    model: settings of the codec's `Config`, on top of its `preset` if that is named. transforms: a portable state or
    a model of an image codec to take the transforms from, which otherwise start at the data's KLT.
    """

    lambdas: tuple[PositiveFloat, PositiveFloat]
    positions: list[Annotated[int, Field(ge=0, le=255)]] = Field([26, 77, 128, 179, 230], min_length=2)
    model: dict[str, Any] = Field({})
    transforms: Path | None = None

    @model_validator(mode="after")
    def _rising(self) -> ImageSettings:
        if self.lambdas[0] >= self.lambdas[1]:
            raise ValueError("lambdas must rise")
        return self


class RateDistortion(nn.Module):
    """Bits per pixel + lambda 255^2 MSE, each crop's cost times lambda^-1/2 so that no end drowns the other.

    x float [B, 3, H, W] in [-0.5, 0.5], t [B] in [0, 1] -> loss and the means of bpp and MSE.
    """

    def __init__(self, model: ImageModel, lambdas: tuple[float, float]) -> None:
        super().__init__()
        self.model = model
        self.low, self.high = map(math.log, lambdas)

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        coded, bits = self.model.code(x, t)
        bpp = bits / (x.shape[-1] * x.shape[-2])
        mse = torch.zeros_like(bpp)
        # decoded latents don't depend on the prior (rounding is straight through): with its part frozen, nothing does
        if any(p.requires_grad for p in self.model.synthesis.parameters()):
            mse = (self.model.synthesis(coded, t) - x).square().flatten(1).mean(1)
        log_lambda = self.low + (self.high - self.low) * t
        weight = torch.exp(0.5 * ((self.low + self.high) / 2 - log_lambda))
        loss = ((bpp + torch.exp(log_lambda) * 255**2 * mse) * weight).mean()
        return loss, {"bpp": bpp.detach().mean(), "mse": mse.detach().mean()}


class Crops:
    """Crops of a store as uint8 tensors on a device, from the memory map or from a copy on the device."""

    def __init__(self, store: CropStore, resident: bool) -> None:
        self.store, self.resident = store, resident
        self._pixels: Tensor | None = None

    def batch(self, count: int, size: int, where: torch.device) -> Tensor:
        """uint8 [count, 3, size, size]; the same crops either way."""
        if not self.resident:
            return torch.from_numpy(self.store.batch(count, size)).to(where, non_blocking=True)
        if self._pixels is None:
            self._pixels = torch.from_numpy(np.array(self.store.data)).to(where)
        crops = []
        for offset, h, w, top, left, flips in self.store.draw(count, size):
            picture = self._pixels[offset : offset + h * w * 3].view(h, w, 3)
            crop = picture[top : top + size, left : left + size].permute(2, 0, 1)
            crop = crop.flip([axis for axis in (1, 2) if flips & axis])
            crops.append(crop.transpose(1, 2) if flips & 4 else crop)
        return torch.stack(crops)


class ImageTask:
    """`kodek.train.task.Task` for the image codecs."""

    adversary = None

    def __init__(self, recipe: Recipe, data: str, out: Path, track: Track) -> None:
        settings = check(ImageSettings, recipe.task, "The recipe's task")
        self._lambdas, self._positions, self._first = settings.lambdas, settings.positions, recipe.phases[0]
        self._transforms = settings.transforms
        kind = family(recipe.codec)
        self.model = ImageModel(kind, network_config(kind.name, kind.config, kind.presets, settings.model))
        self.objective = RateDistortion(self.model, settings.lambdas)
        self.settings = settings.model_dump(mode="json") | {"model": dataclasses.asdict(self.model.config)}
        sides = {phase.crop for phase in recipe.phases}
        if any(side % STRIDE for side in sides):
            raise TrainError(f"The recipe's crops must be multiples of {STRIDE} pixels.")
        corpus = prepare(data, out / "data", recipe.held_out, pictures(min(sides)), track)
        self.data_key, self.notes, self._held_out = corpus.key, corpus.notes, corpus.held_out
        self._store = CropStore(corpus.store, recipe.seed)
        self._crops = Crops(self._store, recipe.resident)
        try:
            for side in sides:
                self._store.draw(0, side)
        except MediaError as error:
            raise TrainError(f"{data}: {error}") from error

    def state(self, path: Path) -> State:
        try:
            entry = zoo.find(path)
        except (UnknownModelError, VersionError):
            return load_state(path)
        return import_model(entry.path)

    def initialise(self) -> None:
        crops = torch.from_numpy(self._store.batch(INITIAL_CROPS, self._first.crop)).float() / 255 - 0.5
        if self._transforms is None:
            initialise(self.model, crops, self._lambdas)
            return
        state = self.state(self._transforms)
        try:
            lambdas = tuple(state.task["lambdas"])
        except KeyError as error:
            raise TrainError(f"{self._transforms} holds no image codec.") from error
        transfer(self.model, state.weights, (lambdas, self._lambdas), crops)

    def enter(self, phase: Phase) -> None:
        pass

    def seed(self, seed: int, process: int) -> None:
        self._store.random = np.random.default_rng([seed, process])

    def batch(self, count: int, crop: int, where: torch.device) -> tuple[Tensor, Tensor]:
        x = self._crops.batch(count, crop, where).float() / 255 - 0.5
        t = torch.randint(0, STEPS, (count,)).float() / (STEPS - 1)
        return x.contiguous(memory_format=torch.channels_last), t.to(where, non_blocking=True)

    def numbers(self, means: Mapping[str, float]) -> dict[str, float]:
        if not means["mse"]:  # not computed
            return {"bpp": means["bpp"]}
        return {"bpp": means["bpp"], "PSNR": -10 * math.log10(means["mse"])}

    def running_state(self) -> dict[str, Any]:
        return self._store.state

    def set_running_state(self, state: dict[str, Any]) -> None:
        self._store.state = state

    def validate(self, model: nn.Module) -> ImageValidation | None:
        if not self._pictures:
            return None
        assert isinstance(model, ImageModel)
        return validate(model, self._pictures, self._positions, self._anchor)

    def export(self, model: nn.Module, folder: Path, facts: Mapping[str, str]) -> None:
        if not self._pictures:
            raise TrainError("An export needs held-out pictures to calibrate the quality on, and there are none.")
        assert isinstance(model, ImageModel)
        export_model(model, folder, {**facts, "lambdas": json.dumps(self._lambdas)}, self._pictures)

    @functools.cached_property
    def _pictures(self) -> list[np.ndarray]:
        """uint8 [H, W, 3]; those that can't be read were reported when the store was built."""
        pictures = []
        for source in self._held_out:
            with contextlib.suppress(MediaError):
                pictures.append(_centre(rgb_pixels(source)))
        return pictures

    @functools.cached_property
    def _anchor(self) -> Curve:
        return jpeg_curve(self._pictures)


def _centre(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - VALIDATION_SIDE) // 2 for side in pixels.shape[:2])
    return pixels[top : top + VALIDATION_SIDE, left : left + VALIDATION_SIDE].copy()
