"""An exported image codec: exact prior and tables, float transforms. Pictures <-> payloads.

A picture is one tile of latents, or several when it is large: each tile of up to 2048 x 2048 pixels is a payload of
its own (own z, own context), so memory is bounded and tiles decode alone. The transforms run over the whole picture
in strips that overlap by their receptive field, so tiles leave no seams.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from kodek.entropy import StreamError, Tables
from kodek.entropy.coder import SymbolDecoder, SymbolEncoder
from kodek.entropy.exact import GAIN_BITS, LATENT_BITS, Exact
from kodek.entropy.tables import from_arrays
from safetensors import safe_open
from torch import Tensor

from ..errors import DamagedError
from ..layers import fuse
from .hyperprior import STRIDE
from .model import Family, family

TILE = 128  # latents: 2048 pixels
STRIP = 64  # rows of latents that a transform handles at once
HALO = 4  # rows of latents around a strip that its result depends on
SMALL = 32768  # symbols; below, the one-lane profile with 16-bit tables is smaller and as fast

M = TypeVar("M", bound=torch.nn.Module)

DECODING = ("prior.", "synthesis.", "tables.", "positions")  # the tensors that a generation id names


class ImageCodec:
    """`load` it from a weights file, then `encode` and `decode`."""

    def __init__(self, family: Family, config: Any, tensors: dict[str, Tensor], name: str, device: str = "cpu") -> None:
        self.name = name
        self.family = family
        self.config = config
        self.generation = generation_id(family, config, tensors)
        self.device = torch.device(device)
        self.prior: Any = _fill(family.prior(config, Exact()), tensors, "prior.").to(self.device)
        self.analysis = _transform(family.analysis(config), tensors, "analysis.", self.device)
        self.hyper_analysis = _transform(family.hyper_analysis(config), tensors, "hyper_analysis.", self.device)
        self.synthesis = _transform(family.synthesis(config), tensors, "synthesis.", self.device)
        self.positions = tensors["positions"]
        self.tables: dict[int, Tables] = {
            profile: from_arrays(_group(tensors, f"tables.{profile}.")) for profile in range(3)
        }

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> ImageCodec:
        """Raises OSError for an unreadable file, DamagedError when its content is not what its generation id names."""
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        kind = family(metadata["codec"])
        codec = cls(kind, kind.config(**json.loads(metadata["config"])), tensors, metadata["name"], device)
        if codec.generation.hex() != metadata["generation"]:
            raise DamagedError(f"The weights {path} are damaged: they are not generation {metadata['generation']}.")
        return codec

    def profile_for(self, size: tuple[int, int]) -> int:
        """The entropy coder's profile for a picture [H, W]: one lane where its smaller overhead counts."""
        symbols = -(-size[0] // STRIDE) * -(-size[1] // STRIDE) * self.config.latents
        return 0 if symbols < SMALL else 1

    @torch.inference_mode()
    def encode(self, x: Tensor, position: int, profile: int, running: int = 0) -> tuple[list[bytes], int]:
        """-> (payloads: one per tile, row by row; the running hash of all symbols, which starts at `running`).

        x: float32 [1, 3, H, W] in [0, 1]; position: the quality byte; profile: see `profile_for`.
        """
        features = self._features(x, position)
        t = self._t(position)
        gain = self.prior.gain(position).float() * 2.0**-GAIN_BITS
        payloads = []
        for tile in tiles(features.shape[-2:]):
            part = features[:, :, *tile].contiguous()
            coder = SymbolEncoder(self.tables[profile], profile, running)
            self.prior.code(coder, position, _size(part), part * gain, self.hyper_analysis(part, t))
            payloads.append(coder.finish())
            running = coder.hash
        return payloads, running

    def decode(
        self, payloads: list[bytes], size: tuple[int, int], position: int, profile: int, running: int = 0
    ) -> tuple[Tensor, int]:
        """-> (float32 [1, 3, H, W] in [0, 1], symbol hash). Raises StreamError on damage."""
        y_hat, running = self.decode_latents(payloads, size, position, profile, running)
        return self.synthesise(y_hat, size, position), running

    @torch.inference_mode()
    def synthesise(self, y_hat: Tensor, size: tuple[int, int], position: int) -> Tensor:
        """y_hat: as of `decode_latents` -> float32 [1, 3, H, W] in [0, 1]."""
        t = self._t(position)

        def run(strip: Tensor) -> Tensor:
            y = (strip.float() * 2.0**-LATENT_BITS).contiguous(memory_format=torch.channels_last)
            return self.synthesis(y, t).add_(0.5).clamp_(0, 1)

        return in_strips(run, y_hat, STRIDE)[:, :, : size[0], : size[1]]

    @torch.inference_mode()
    def decode_latents(
        self, payloads: list[bytes], size: tuple[int, int], position: int, profile: int, running: int = 0
    ) -> tuple[Tensor, int]:
        """-> (y_hat int32 [1, C_y, h, w] in 1/16 steps, symbol hash), the whole parse without the synthesis."""
        h, w = -(-size[0] // STRIDE), -(-size[1] // STRIDE)
        areas = list(tiles((h, w)))
        if len(areas) != len(payloads):
            raise StreamError(f"{len(payloads)} payloads for a picture of {len(areas)} tiles")
        y_hat = torch.empty((1, self.config.latents, h, w), dtype=torch.int32, device=self.device)
        for area, payload in zip(areas, payloads, strict=True):
            coder = SymbolDecoder(payload, self.tables[profile], profile, running)
            target = y_hat[:, :, *area]
            target.copy_(self.prior.code(coder, position, _size(target), None, None))
            coder.finish()
            running = coder.hash
        return y_hat, running

    def _features(self, x: Tensor, position: int) -> Tensor:
        h, w = x.shape[-2:]
        t = self._t(position)

        def run(strip: Tensor) -> Tensor:
            strip = strip.to(self.device).contiguous(memory_format=torch.channels_last)
            return self.analysis(strip.sub(0.5), t)

        padded = F.pad(x, (0, -w % STRIDE, 0, -h % STRIDE), mode="replicate")
        return in_strips(run, padded, 1 / STRIDE)

    def _t(self, position: int) -> Tensor:
        return self.positions[position : position + 1].to(self.device)


def tiles(size: tuple[int, int] | torch.Size) -> Iterator[tuple[slice, slice]]:
    """The tiles of a latent [h, w], row by row."""
    for top in range(0, size[0], TILE):
        for left in range(0, size[1], TILE):
            yield slice(top, min(top + TILE, size[0])), slice(left, min(left + TILE, size[1]))


def in_strips(transform: Callable[[Tensor], Tensor], x: Tensor, scale: float) -> Tensor:
    """Apply a transform that changes the size by `scale` over overlapping strips of rows; memory is that of a strip."""
    unit = STRIDE if scale < 1 else 1  # rows of x per row of latents
    rows, out_unit = x.shape[2] // unit, 1 if scale < 1 else STRIDE
    if rows <= STRIP + 2 * HALO:
        return transform(x)
    out: Tensor | None = None
    for top in range(0, rows, STRIP):
        bottom = min(top + STRIP, rows)
        start, stop = max(0, top - HALO), min(rows, bottom + HALO)
        part = transform(x[:, :, start * unit : stop * unit])
        if out is None:
            out = part.new_empty((1, part.shape[1], rows * out_unit, part.shape[3]))
        out[:, :, top * out_unit : bottom * out_unit] = part[
            :, :, (top - start) * out_unit : (bottom - start) * out_unit
        ]
    assert out is not None
    return out


def generation_id(family: Family, config: Any, tensors: dict[str, Tensor]) -> bytes:
    """8 bytes naming what decoding needs: a better encoder keeps the id."""
    digest = hashlib.sha256(json.dumps([family.name, vars(config)], sort_keys=True).encode())
    for key in sorted(tensors):
        if key.startswith(DECODING):
            value = tensors[key].contiguous()
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
    return digest.digest()[:8]


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]


def _group(tensors: dict[str, Tensor], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v.numpy() for k, v in tensors.items() if k.startswith(prefix)}


def _fill(module: M, tensors: dict[str, Tensor], prefix: str) -> M:
    module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return module.eval().requires_grad_(False)


def _transform(module: M, tensors: dict[str, Tensor], prefix: str, device: torch.device) -> M:
    # torch's stubs don't know that modules take a memory format
    _fill(module, tensors, prefix).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        fuse(module)
    return module
