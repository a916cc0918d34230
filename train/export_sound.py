"""From trained weights to an audio model that codes, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from kodek.codecs.audio.codec import CODEC, AudioCodec
from kodek.codecs.audio.model import AudioModel, Config, prior_config
from kodek.codecs.audio.prior import Prior
from kodek.codecs.audio.quantisers import ResidualQuantiser
from kodek.codecs.weights import group, half, narrow
from kodek.entropy.exact import Exact, dequantise, quantise
from numpy.typing import NDArray
from torch import Tensor

from .checkpoint import State
from .errors import TrainError
from .measure_sound import measure
from .model_file import open_model, save_model

CARD_STAGES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)


def export_sound(
    model: AudioModel, folder: Path, facts: Mapping[str, str], recordings: Sequence[NDArray]
) -> AudioCodec:
    """Write `folder`/weights.safetensors and card.md; returns the exported codec.

    model: the trained (averaged) weights. facts: name, licence, data, steps, training, one-line texts. recordings:
    float32 [n] of no training source, which the card's table is measured on.
    """
    codec = exported(model, facts["name"])
    stages = [codec.steady + count for count in CARD_STAGES if codec.steady + count <= codec.stages]
    table = _table(codec, recordings, stages) if recordings else []
    save_model(folder, CODEC, codec.generation, asdict(model.config), exact_tensors(model), facts, table)
    return codec


def exported(model: AudioModel, name: str) -> AudioCodec:
    """The codec of these weights, on the CPU."""
    return AudioCodec(asdict(model.config), exact_tensors(model), name)


@torch.no_grad()
def exact_tensors(model: AudioModel) -> dict[str, Tensor]:
    """All that a weights file holds. Raises ArithmeticError if the prior's sums can leave the exact range."""
    exact = Prior(prior_config(model.config), Exact())
    quantise(model.prior, exact)
    return {
        **{f"prior.{key}": value for key, value in narrow(exact.state_dict()).items()},
        **{f"quantiser.{key}": value.cpu() for key, value in model.quantiser.tensors().items()},
        **{
            key: value.cpu()
            for part in ("analysis", "synthesis")
            for key, value in half(getattr(model, part), f"{part}.").items()
        },
    }


@torch.no_grad()
def import_sound(path: Path) -> State:
    """The inverse of `export_sound`, but for roundings: the weights of an audio model, to train on from.

    Raises TrainError if the file is no model of the audio codec.
    """
    about, settings, tensors = open_model(path)
    if about["codec"] != CODEC:
        raise TrainError(f"{path} is a model of {about['codec']}, not of {CODEC}.")
    model = AudioModel(Config(**settings))
    exact = Prior(prior_config(model.config), Exact())
    exact.load_state_dict(group(tensors, "prior."))
    dequantise(exact, model.prior, 0)
    model.quantiser.load(group(tensors, "quantiser."))
    if isinstance(model.quantiser, ResidualQuantiser):
        model.quantiser.started.fill_(1)
    transforms = {key: value.float() for key, value in tensors.items() if key.startswith(("analysis.", "synthesis."))}
    return State(model.state_dict() | transforms, int(about.get("steps", 0)), CODEC, {"model": asdict(model.config)})


def _table(codec: AudioCodec, recordings: Sequence[NDArray], stages: Sequence[int]) -> list[str]:
    found = measure(codec, recordings, stages)
    heard = any(point.stoi is not None for point in found.points)
    seconds = sum(map(len, recordings)) / codec.rate
    return [
        f"Mean over {len(recordings)} excerpts, {seconds:.0f} s in all, of recordings of no training source; payload "
        "bytes of real encodes:",
        "",
        "| stages | kbit/s | mel distance |" + (" STOI |" if heard else ""),
        "|---|---|---|" + ("---|" if heard else ""),
        *(
            f"| {point.stages} | {point.kbps:.2f} | {point.mel:.3f} |"
            + (f" {point.stoi:.3f} |" if point.stoi is not None else "")
            for point in found.points
        ),
        "",
        f"Perplexity of each stage's {codec.config.codes} codes there: "
        f"{100 * min(found.perplexity):.0f} to {100 * max(found.perplexity):.0f} %.",
        "",
    ]
