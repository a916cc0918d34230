"""A checkpoint of CompressAI -> a model of kodek: folded transforms, integer networks, tables; a file and its card."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from kodek.entropy import PROFILES, TableError, cut_tables, gaussian_tables, join_tables, to_arrays
from kodek.entropy.exact import POSITIONS, Exact
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import zoo
from ..errors import CheckpointError
from .codec import ImageCodec
from .compressai import Analysis, Config, HyperAnalysis, Synthesis
from .compressai_checkpoint import read_checkpoint
from .compressai_layers import phases
from .compressai_prior import LATENT_BITS, LIMIT, TAPS, Layer, Prior
from .model import family

CODEC = "image-compressai"
REACH = 1000  # symbols around a median that a learned table may hold; the others are escaped
MOST_CHANNELS = 4096

# of CompressAI's GaussianConditional and NonNegativeParametrizer
SCALES = (0.11, 256.0, 64)
SCALE_BOUND = 0.11
PEDESTAL = 2.0**-36
MINIMUM = {"beta": 1e-6, "gamma": 0.0}


def import_checkpoint(path: Path, arch: str, folder: Path, metadata: dict[str, str]) -> ImageCodec:
    """Write `folder`/weights.safetensors and card.md; returns the codec.

    path: a file of CompressAI's zoo or one saved from a model of its own, see `read_checkpoint`. arch: one of
    `ARCHITECTURES`. metadata: name, licence and data, as one-line texts.

    Raises CheckpointError when the file can't be read or is not a checkpoint of that architecture, OSError when the
    folder can't be written.
    """
    state = Checkpoint(path, arch, read_checkpoint(path))
    config = state.config()
    try:
        tensors = convert(state, config)
        state.check_all_used()
    except (ArithmeticError, TableError) as error:
        raise CheckpointError(f"{path} can't be coded with exactly: {error}.") from error
    settings = asdict(config)
    codec = ImageCodec(family(CODEC), settings, tensors, metadata["name"])
    header = {
        "codec": CODEC,
        "version": zoo.WEIGHTS_VERSION,
        "generation": codec.generation.hex(),
        "config": json.dumps(settings),
        "rates": "1",
        "training": f"imported from {path.name}, {arch} of CompressAI",
        **metadata,
    }
    zoo.write_model(folder, tensors, header, card(header, config))
    return codec


class Checkpoint:
    """The tensors of a checkpoint, of which every one that is asked for must be as its architecture says."""

    def __init__(self, path: Path, arch: str, tensors: dict[str, Tensor]) -> None:
        self.path = path
        self.arch = arch
        self.tensors = tensors
        self.used: set[str] = set()

    def config(self) -> Config:
        """N and M, read from the tensors."""
        if self.arch.startswith("cheng2020"):
            n = m = self._outputs("g_a.0.conv1.weight")
        else:
            n, m = self._outputs("g_a.0.weight"), self._outputs("g_a.6.weight")
        return Config(self.arch, n, m, self.scale_table().numel())

    def get(self, name: str, shape: torch.Size | tuple[int, ...]) -> Tensor:
        """float32. Raises CheckpointError."""
        tensor = self.tensors.get(name)
        self.used.add(name)
        if tensor is None:
            raise CheckpointError(f"{self.path} is not a {self.arch}: it has no tensor {name}.")
        if tensor.shape != torch.Size(shape):
            shapes = " x ".join(map(str, tensor.shape)), " x ".join(map(str, shape))
            raise CheckpointError(
                f"{self.path} is not a {self.arch}: its tensor {name} is {shapes[0]}, not {shapes[1]}."
            )
        tensor = tensor.float()
        if not tensor.isfinite().all():
            raise CheckpointError(f"{self.path} can't be used: its tensor {name} has numbers that are not finite.")
        return tensor

    def non_negative(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A parameter of GDN as its layer uses it."""
        kind = name.rpartition(".")[2]
        minimum = math.sqrt(MINIMUM[kind] + PEDESTAL)
        bound = self.tensors.get(f"{name}_reparam.lower_bound.bound", torch.tensor([minimum]))
        pedestal = self.tensors.get(f"{name}_reparam.pedestal", torch.tensor([PEDESTAL]))
        return torch.max(self.get(name, shape), bound) ** 2 - pedestal

    def check_all_used(self) -> None:
        """Raises CheckpointError for layers that the architecture has not."""
        ignored = re.compile(r"(entropy_bottleneck|gaussian_conditional)\.|.*(_reparam\.|\.mask$)")
        for name in sorted(self.tensors.keys() - self.used):
            if not ignored.match(name):
                raise CheckpointError(f"{self.path} is not a {self.arch}: it has a tensor {name}.")

    def scale_table(self) -> Tensor:
        """The deviations of the Gaussian tables, rising; CompressAI's own unless the checkpoint has others."""
        low, high, count = SCALES
        table = self.tensors.get("gaussian_conditional.scale_table")
        if table is None or not table.numel():
            return torch.exp(torch.linspace(math.log(low), math.log(high), count))
        if table.ndim != 1 or table.numel() < 2 or not (table.diff() > 0).all():
            raise CheckpointError(f"{self.path} is not a {self.arch}: its table of scales does not rise.")
        return table.float()

    def _outputs(self, name: str) -> int:
        weight = self.tensors.get(name)
        if weight is None or weight.ndim != 4 or not 1 <= weight.shape[0] <= MOST_CHANNELS:
            raise CheckpointError(f"{self.path} is not a {self.arch}: it has no convolution {name}.")
        return weight.shape[0]


@torch.no_grad()
def convert(state: Checkpoint, config: Config) -> dict[str, Tensor]:
    """All that a weights file holds. Raises CheckpointError, ArithmeticError, TableError."""
    prior = exact_prior(state, config)
    tensors = {f"prior.{key}": value for key, value in prior.state_dict().items()}
    parts: dict[str, tuple[str, nn.Module]] = {
        "g_a": ("analysis", Analysis(config)),
        "h_a": ("hyper_analysis", HyperAnalysis(config)),
        "g_s": ("synthesis", Synthesis(config)),
    }
    for theirs, (ours, module) in parts.items():
        for key, value in module.state_dict().items():
            tensors[f"{ours}.{key}"] = parameter(state, key.replace("layers", theirs, 1), value.shape)
    pmfs = learned_pmfs(state, prior.medians.numel())
    for profile, description in enumerate(PROFILES):
        tables = cut_tables(list(pmfs), np.full(len(pmfs), -REACH), description.table_bits)
        if config.hyper:
            tables = join_tables(gaussian_tables(state.scale_table().numpy(), description.table_bits), tables)
        arrays = to_arrays(tables)
        tensors |= {f"tables.{profile}.{key}": torch.from_numpy(value.copy()) for key, value in arrays.items()}
    tensors["positions"] = torch.zeros(POSITIONS)
    return {key: value.contiguous() for key, value in tensors.items()}


def parameter(state: Checkpoint, name: str, shape: torch.Size) -> Tensor:
    """A tensor of the transforms, by the name of our layer."""
    if name == "g_s.6.0.weight":
        return phases(state.get("g_s.6.weight", (shape[1], 3, 5, 5)))
    if name == "g_s.6.0.bias":
        return state.get("g_s.6.bias", (3,)).repeat_interleave(4)
    if name.endswith(".gamma"):
        return state.non_negative(name, shape[:2])[:, :, None, None]
    return state.non_negative(name, shape) if name.endswith(".beta") else state.get(name, shape)


def exact_prior(state: Checkpoint, config: Config) -> Prior:
    """The entropy model on integers, whose bounds are proven from its weights."""
    prior = Prior(config, Exact())
    channels = prior.medians.numel()
    quantiles = state.get("entropy_bottleneck.quantiles", (channels, 1, 3))
    prior.medians.copy_((quantiles[:, 0, 1].double() * 2**LATENT_BITS).round())
    if config.hyper:
        scales = state.scale_table()[:-1].double()
        bound = state.tensors.get("gaussian_conditional.lower_bound_scale.bound", torch.tensor([SCALE_BOUND]))
        # scales are raised to the bound first, so thresholds below it are always passed
        thresholds = torch.where(scales < bound.double(), -2.0 * LIMIT, (scales * 2**LATENT_BITS).floor())
        prior.thresholds.copy_(thresholds)
    for name, module in prior.named_modules():
        if isinstance(module, Layer):
            if name == "context_prediction":
                weight = masked_window(state, config.latents)
            else:
                weight = state.get(f"{name}.weight", _stored_shape(module))
            bias = state.get(f"{name}.bias", module.bias.shape)
            try:
                module.quantise(weight.view(module.weight.shape), bias)
            except ArithmeticError as error:
                raise ArithmeticError(f"in {name} {error}") from error
    return prior


def masked_window(state: Checkpoint, m: int) -> Tensor:
    """The causal taps of the 5 x 5 context, [2 M, taps * M]."""
    weight = state.get("context_prediction.weight", (2 * m, m, 5, 5))
    return torch.stack([weight[:, :, row + 2, column + 2] for row, column in TAPS], 1).flatten(1)


def learned_pmfs(state: Checkpoint, channels: int) -> NDArray[np.float64]:
    """The factorised distributions at -REACH .. REACH steps from their medians, [C, 2 REACH + 1].

    The cumulative's logit is a small monotone network for each channel: Balle et al. 2018, appendix 6.1.
    """
    values = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    medians = state.get("entropy_bottleneck.quantiles", (channels, 1, 3))[:, :, 1:2].double()
    edges = torch.cat((values - 0.5, values[-1:] + 0.5)) + medians  # [C, 1, edges]
    logits, width, number = edges, 1, 0
    while (name := f"entropy_bottleneck.matrices.{number}") in state.tensors or not number:
        following = state.tensors[name].shape[1] if name in state.tensors and state.tensors[name].ndim == 3 else 1
        matrix = state.get(name, (channels, following, width)).double()
        bias = state.get(f"entropy_bottleneck.biases.{number}", (channels, following, 1)).double()
        logits = F.softplus(matrix) @ logits + bias
        if (factor := f"entropy_bottleneck.factors.{number}") in state.tensors:
            logits = logits + state.get(factor, (channels, following, 1)).double().tanh() * logits.tanh()
        width, number = following, number + 1
    if width != 1:
        raise CheckpointError(f"{state.path} is not a {state.arch}: its entropy bottleneck has {width} outputs.")
    lower, upper = logits[:, 0, :-1], logits[:, 0, 1:]
    sign = -(lower + upper).sign()  # the left tail, where the difference does not cancel
    return ((sign * upper).sigmoid() - (sign * lower).sigmoid()).abs().numpy()


def default_name(path: Path) -> str:
    """`mbt2018-mean-3-723404a8.pth.tar` -> `mbt2018-mean-3`."""
    return re.sub(r"(-[0-9a-f]{8})?(\.(pth|pt|tar|ckpt|bin))+$", "", path.name)


def card(header: dict[str, str], config: Config) -> str:
    """The model card, Markdown."""
    return "\n".join(
        (
            f"# {header['name']}",
            "",
            f"- codec: {CODEC}, generation `{header['generation']}`",
            *(f"- {key}: {header[key]}" for key in ("training", "data", "licence") if key in header),
            f"- architecture: {config.arch}, N = {config.width}, M = {config.latents}",
            "",
            "One rate: `--quality` has no meaning for this model. What decoding needs is exact: integer networks and "
            "tables made once, when the checkpoint was imported.",
            "",
        )
    )


def _stored_shape(layer: Layer) -> tuple[int, ...]:
    """Of a checkpoint's weights: its linear layers are 1 x 1 convolutions."""
    shape = tuple(layer.weight.shape)
    return (*shape, 1, 1) if layer.kind == "linear" else shape
