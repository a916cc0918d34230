"""Start a codec from the trained transforms of another that shares them, with the channels of y in order of energy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from kodek.codecs.image.model import ImageModel
from torch import Tensor

from .errors import TrainError
from .klt import start_heads

# contexts start anew, as the heads do: they read channels in another order
SHARED = (
    *("analysis.", "hyper_analysis.", "synthesis."),
    *(f"prior.{part}" for part in ("z_", "step_bias", "up", "depth1", "depth2", "features")),
    *(f"prior.{part}.knots" for part in ("gain", "inverse_gain", "scale")),
)
# tensors whose axis runs over the channels of y
OUTPUTS = (
    *("analysis.down.weight", "analysis.down.bias"),
    *(f"{block}.{name}" for block in ("analysis.last", "synthesis.first") for name in ("project.weight", "mix.weight")),
    *(f"{block}.{name}" for block in ("analysis.last", "synthesis.first") for name in ("project.bias", "mix.bias")),
)
INPUTS = (
    *(f"{block}.{name}.weight" for block in ("analysis.last", "synthesis.first") for name in ("expand", "gate")),
    *("hyper_analysis.narrow.weight", "synthesis.up.weight", "synthesis.inverse_gain.knots"),
    *("prior.gain.knots", "prior.inverse_gain.knots", "prior.scale.knots"),
)


@torch.no_grad()
def transfer(
    model: ImageModel,
    weights: Mapping[str, Tensor],
    lambdas: tuple[tuple[float, float], tuple[float, float]],
    crops: Tensor,
) -> None:
    """Copy every shared tensor into `model` and start the heads of its prior from statistics of y.

    weights: of an image codec's portable state. lambdas: the lowest and highest of that codec and of this one: the
    steps' vectors are read at equal trade-offs (extended linearly). crops: float [N, 3, H, W] in [-0.5, 0.5].
    Raises TrainError if the transforms differ in shape.
    """
    own = model.state_dict()
    shared = {key: value for key, value in weights.items() if key.startswith(SHARED) and key in own}
    wrong = [key for key, value in shared.items() if value.shape != own[key].shape]
    # blocks that only this model has start as the identity
    needed = [key for key in own if key.startswith(("analysis.", "hyper_analysis.")) and ".blocks." not in key]
    missing = [key for key in needed if key not in shared]
    if wrong or missing:
        raise TrainError(f"The transforms to start from differ from this model's: {[*wrong, *missing][0]}.")
    (old_low, old_high), (low, high) = ([math.log(x) for x in pair] for pair in lambdas)
    for key, value in shared.items():
        if key.endswith(".knots"):
            last = value.shape[0] - 1
            t = (low + (high - low) * torch.linspace(0, 1, last + 1) - old_low) / (old_high - old_low) * last
            left = t.floor().clamp(0, last - 1).long()
            value = value[left] + (t - left)[:, None] * (value[left + 1] - value[left])
        own[key].copy_(value)

    y = _features(model, crops) * model.prior.gain(torch.tensor([0.5]))
    order = y.std((0, 2, 3)).argsort(descending=True)[model.prior.channel_order()]
    for key in OUTPUTS:
        own[key].copy_(own[key][order])
    for key in INPUTS:
        own[key].copy_(own[key][:, order])
    features = _features(model, crops)
    start_heads(model.prior, features.mean((0, 2, 3)), features.std((0, 2, 3)).log2())


def _features(model: ImageModel, crops: Tensor) -> Tensor:
    """At the middle quality step."""
    return model.analysis(crops, torch.full((crops.shape[0],), 0.5))
