"""From trained weights to a model that codes: integer networks, tables, calibrated quality; one file and its card."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.hyperprior import STRIDE
from kodek.codecs.image.model import ImageModel, family
from kodek.entropy import PROFILES, gaussian_tables, to_arrays
from kodek.entropy.coder import SCALES
from kodek.entropy.exact import POSITIONS, Exact, ExactConv2d, ExactSteps, Steps, quantise
from numpy.typing import NDArray
from torch import Tensor, nn

from .checkpoint import State
from .errors import TrainError
from .model_file import open_model, save_model

CALIBRATION_POINTS = 17
CARD_POSITIONS = (0, 26, 51, 77, 102, 128, 153, 179, 204, 230, 255)


def export_model(
    model: ImageModel,
    folder: Path,
    metadata: dict[str, str],
    validation: Sequence[NDArray[np.uint8]],
    positions: Tensor | None = None,
) -> ImageCodec:
    """Write `folder`/weights.safetensors and card.md; returns the exported codec.

    model: the trained (EMA) weights. validation: RGB pictures [H, W, 3] of no training source, on which the quality
    byte is calibrated (linear in PSNR) and the card's table is measured from real bytes; none if `positions`, the
    trained step of each quality byte (float [256] in [0, 1]), are given. metadata: name, licence, data, steps and
    training, as one-line texts.
    """
    model = model.eval().float()
    pictures = [torch.from_numpy(np.array(p)).permute(2, 0, 1)[None].float() / 255 for p in validation]
    if positions is None:
        positions = calibrate(model, pictures)
    tensors = exact_tensors(model, positions)
    settings = asdict(model.config)
    codec = ImageCodec(model.family, settings, tensors, metadata["name"])
    rows = [measure(codec, pictures, position) for position in CARD_POSITIONS] if pictures else []
    psnr = {"psnr": json.dumps([round(psnr, 2) for _, psnr in rows])} if rows else {}
    table = _table(rows, len(pictures)) if rows else []
    save_model(folder, model.family.name, codec.generation, settings, tensors, {**metadata, **psnr}, table)
    return codec


@torch.no_grad()
def exact_tensors(model: ImageModel, positions: Tensor) -> dict[str, Tensor]:
    """All that a weights file holds. positions: float [256] in [0, 1], the trained step of each quality byte."""
    exact = model.family.prior(model.config, Exact())
    quantise(model.prior, exact, positions)
    tensors = {f"prior.{key}": value for key, value in exact.state_dict().items()}
    for part in ("analysis", "hyper_analysis", "synthesis"):
        for key, value in getattr(model, part).state_dict().items():
            # convolution kernels in half precision: measured, it costs nothing; vectors stay whole
            tensors[f"{part}.{key}"] = value.half() if value.ndim == 4 else value.clone()
    for profile, description in enumerate(PROFILES):
        arrays = to_arrays(gaussian_tables(SCALES, description.table_bits))
        tensors |= {f"tables.{profile}.{key}": torch.from_numpy(value.copy()) for key, value in arrays.items()}
    tensors["positions"] = positions.float()
    return {key: value.contiguous() for key, value in tensors.items()}


@torch.no_grad()
def import_model(path: Path) -> State:
    """The inverse of `export_model`, but for roundings: the weights of an image model, to train on from.

    Raises TrainError if the file is no model of an image codec that can be trained.
    """
    about, settings, tensors = open_model(path)
    try:
        kind, lambdas = family(about["codec"]), json.loads(about["lambdas"])
    except KeyError as error:
        raise TrainError(f"{path} holds no image model to train on from.") from error
    config = kind.config(**settings)
    tensors = {key: tensor.float() for key, tensor in tensors.items()}
    model, exact = ImageModel(kind, config), kind.prior(config, Exact())
    exact.load_state_dict({k.removeprefix("prior."): v for k, v in tensors.items() if k.startswith("prior.")})
    for name, module in exact.named_modules():
        twin = model.prior.get_submodule(name)
        if isinstance(module, ExactConv2d) and isinstance(twin, nn.Conv2d):
            module.dequantise(twin)
        elif isinstance(module, ExactSteps) and isinstance(twin, Steps):
            values = module.table.double().numpy() * 2.0**-module.bits
            values = np.log(values) if twin.exponential else values
            at = np.linspace(0, 1, twin.knots.shape[0])
            knots = [np.interp(at, tensors["positions"].numpy(), channel) for channel in values.T]
            twin.knots.copy_(torch.from_numpy(np.stack(knots, 1)))
    own = model.state_dict()
    weights = own | {key: value for key, value in tensors.items() if key in own and not key.startswith("prior.")}
    return State(weights, int(about.get("steps", 0)), kind.name, {"lambdas": lambdas, "model": asdict(config)})


@torch.inference_mode()
def calibrate(model: ImageModel, pictures: Sequence[Tensor]) -> Tensor:
    """The trained step t in [0, 1] of each quality byte, such that the mean PSNR is linear in the byte; float [256]."""
    steps = np.linspace(0, 1, CALIBRATION_POINTS)
    curve = []
    for step in steps:
        t = torch.tensor([step], dtype=torch.float32)
        values = []
        for x in pictures:
            h, w = x.shape[-2] // STRIDE * STRIDE, x.shape[-1] // STRIDE * STRIDE
            crop = x[:, :, :h, :w]
            x_hat, _ = model(crop - 0.5, t)
            values.append(_psnr(x_hat + 0.5, crop))
        curve.append(float(np.mean(values)))
    rising = np.maximum.accumulate(np.array(curve) + 1e-6 * np.arange(len(curve)))
    wanted = np.linspace(rising[0], rising[-1], POSITIONS)
    return torch.from_numpy(np.interp(wanted, rising, steps)).float()


def measure(codec: ImageCodec, pictures: Sequence[Tensor], position: int) -> tuple[float, float]:
    """Mean bits per pixel of the payloads and mean PSNR in dB at a quality byte."""
    rates, qualities = [], []
    for x in pictures:
        size = x.shape[-2], x.shape[-1]
        profile = codec.profile_for(size)
        payloads, symbol_hash = codec.encode(x, position, profile)
        x_hat, check = codec.decode(payloads, size, position, profile)
        if check != symbol_hash:
            raise ArithmeticError("the decoded symbols differ from the coded ones")
        rates.append(8 * sum(map(len, payloads)) / (size[0] * size[1]))
        qualities.append(_psnr(x_hat, x))
    return float(np.mean(rates)), float(np.mean(qualities))


def _psnr(x_hat: Tensor, x: Tensor) -> float:
    """PSNR in dB of 8-bit pictures given in [0, 1]."""
    error = F.mse_loss((x_hat.clamp(0, 1) * 255).round(), x * 255).item()
    return 10 * math.log10(255**2 / max(error, 1e-6))


def _table(rows: Sequence[tuple[float, float]], count: int) -> list[str]:
    return [
        f"Mean over the {count} validation pictures (of no training source), payload bytes of real encodes:",
        "",
        "| quality | bpp | PSNR dB |",
        "|---|---|---|",
        *(
            f"| {position / 2.55:.0f} | {rate:.4f} | {psnr:.2f} |"
            for position, (rate, psnr) in zip(CARD_POSITIONS, rows, strict=True)
        ),
        "",
    ]
