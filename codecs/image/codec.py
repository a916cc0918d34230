"""An exported image codec: exact prior and tables, float transforms. Pictures <-> payloads.

A picture is one tile of latents, or several when it is large: each tile of up to 1024 x 1024 pixels is a payload of
its own (own z, own context), so memory is bounded and tiles decode alone. The transforms see a tile with a halo as wide
as their receptive field, so tiles leave no seams.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from kodek.entropy import StreamError, Tables
from kodek.entropy.coder import SymbolDecoder, SymbolEncoder
from kodek.entropy.exact import GAIN_BITS, POSITION_LIMIT, Exact
from kodek.entropy.tables import from_arrays
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DamagedError
from ..layers import fuse
from ..weights import fill, generation_id, group, read_weights
from .area import Area, Grid
from .hyperprior import STRIDE
from .model import Family, family
from .tiles import Workers, by_bands, synthesise

TILE = 64  # latents: 1024 pixels
assert TILE**2 <= POSITION_LIMIT  # attention over a whole tile is exact
SMALL = 32768  # symbols; below, the one-lane profile with 16-bit tables is smaller and as fast

Read = Callable[[Area], Tensor]  # an area of the pixels -> float32 [1, 3, h, w] in [0, 1]
M = TypeVar("M", bound=torch.nn.Module)

DECODING = ("prior.", "synthesis.", "tables.", "positions")  # the tensors that a generation id names


class Tile(NamedTuple):
    """A coded tile: its payload, the running hash after its symbols, and what `decode_tile` makes of them."""

    payload: bytes
    hash: int
    latents: Tensor


class ImageCodec:
    """`load` it from a weights file, then `encode` and `decode`, or code tile by tile."""

    tile = TILE  # side of a tile in latents; another than the format's is for experiments

    def __init__(
        self, family: Family, settings: dict[str, Any], tensors: dict[str, Tensor], name: str, device: str = "cpu"
    ) -> None:
        """settings: of the family's config, as the weights' metadata state them."""
        self.name = name
        self.family = family
        self.config: Any = family.config(**settings)
        self.halo = family.halo(self.config)
        self.generation = generation_id(family.name, settings, tensors, DECODING)
        self.device = torch.device(device)
        self.prior: Any = fill(family.prior(self.config, Exact()), tensors, "prior.").to(self.device)
        self.analysis: Any = _transform(family.analysis(self.config), tensors, "analysis.", self.device)
        self.hyper_analysis = _transform(family.hyper_analysis(self.config), tensors, "hyper_analysis.", self.device)
        self.synthesis = _transform(family.synthesis(self.config), tensors, "synthesis.", self.device)
        self.positions = tensors["positions"]
        self.tables: dict[int, Tables] = {
            profile: from_arrays({key: value.numpy() for key, value in group(tensors, f"tables.{profile}.").items()})
            for profile in range(3)
        }

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> ImageCodec:
        """Raises OSError for an unreadable file, DamagedError when its content is not what its generation id names."""
        metadata, tensors = read_weights(path)
        codec = cls(family(metadata["codec"]), json.loads(metadata["config"]), tensors, metadata["name"], device)
        if codec.generation.hex() != metadata["generation"]:
            raise DamagedError(f"The weights {path} are damaged: they are not generation {metadata['generation']}.")
        return codec

    def profile_for(self, size: tuple[int, int]) -> int:
        """The entropy coder's profile for a picture [H, W]: one lane where its smaller overhead counts."""
        symbols = -(-size[0] // STRIDE) * -(-size[1] // STRIDE) * self.config.latents
        return 0 if symbols < SMALL else 1

    def grid(self, size: tuple[int, int]) -> Grid:
        """The tiles of a picture [H, W], in latents."""
        return Grid((-(-size[0] // STRIDE), -(-size[1] // STRIDE)), self.tile, self.halo)

    def workers(self, tiles: int) -> Workers:
        """Threads for that many tiles."""
        return Workers(tiles, self.device, self.family.workers)

    @torch.inference_mode()
    def stem(self, read: Read, size: tuple[int, int], grid: Grid, area: Area) -> Tensor:
        """What of the analysis of a tile (with its halo) does not depend on the quality.

        read: gives areas of the picture, whose size is [H, W]; area: of the tile.
        """
        wide = grid.around(area)

        def run(rows: slice) -> Tensor:
            part = wide._replace(top=wide.top + rows.start, bottom=wide.top + rows.stop)
            x = read_latents(read, size, part).to(self.device)
            return self.analysis.stem(x.contiguous(memory_format=torch.channels_last).sub(0.5))

        return by_bands(run, wide.height, grid.halo)

    @torch.inference_mode()
    def analyse(self, stem: Tensor, grid: Grid, area: Area, position: int) -> tuple[Tensor, Tensor]:
        """-> (y, z) of a tile in steps, not rounded. position: the quality byte."""
        t = self._t(position)
        features = self.analysis.finish(stem, t)
        features = features[:, :, *area.within(grid.around(area)).slices].contiguous()
        gain = self.prior.gain(position).float() * 2.0**-GAIN_BITS
        return features * gain, self.hyper_analysis(features, t)

    @torch.inference_mode()
    def nonzero(self, y: Tensor, position: int, positions: Sequence[int]) -> NDArray[np.int64]:
        """How many latents would not be rounded to zero at each of `positions`; y: as `analyse` gives it at `position`.

        What the analysis itself adapts to the quality is left out.
        """
        y, gain = y.abs(), self.prior.gain(position)
        return np.array([int((y * (self.prior.gain(other) / gain).float() >= 0.5).sum()) for other in positions])

    @torch.inference_mode()
    def encode_tile(self, y: Tensor, z: Tensor, position: int, profile: int, running: int = 0) -> Tile:
        """y, z: as of `analyse`; profile: see `profile_for`; running: where the hash of the symbols starts."""
        coder = SymbolEncoder(self.tables[profile], profile, running, self.family.latent_bits)
        latents = self.prior.code(coder, position, (y.shape[-2], y.shape[-1]), y, z).to(torch.int32)
        return Tile(coder.finish(), coder.hash, latents)

    @torch.inference_mode()
    def decode_tile(self, payload: bytes, area: Area, position: int, profile: int, running: int = 0) -> Tile:
        """The latents, int32 [1, C, *area], of a tile; its hash continues `running`. Raises StreamError on damage."""
        coder = SymbolDecoder(payload, self.tables[profile], profile, running, self.family.latent_bits)
        latents = self.prior.code(coder, position, (area.height, area.width), None, None).to(torch.int32)
        coder.finish()
        return Tile(payload, coder.hash, latents)

    @torch.inference_mode()
    def synthesise(self, latents: Tensor, position: int) -> Tensor:
        """latents: int32 [1, C, h, w] as of `decode_tile` -> float32 [1, 3, 16 h, 16 w] in [0, 1]."""
        t = self._t(position)

        def run(rows: slice) -> Tensor:
            y = latents[:, :, rows].float() * 2.0**-self.family.latent_bits
            return self.synthesis(y.contiguous(memory_format=torch.channels_last), t).add_(0.5).clamp_(0, 1)

        return by_bands(run, latents.shape[2], self.halo)

    def encode(self, x: Tensor, position: int, profile: int) -> tuple[list[bytes], list[int]]:
        """x, float32 [1, 3, H, W] in [0, 1] -> payloads and hashes of its tiles, row by row."""
        size = x.shape[-2], x.shape[-1]
        grid = self.grid(size)
        payloads, hashes = [], []
        for area in grid.areas:
            stem = self.stem(lambda area: x[:, :, *area.slices], size, grid, area)
            tile = self.encode_tile(*self.analyse(stem, grid, area, position), position, profile)
            payloads.append(tile.payload)
            hashes.append(tile.hash)
        return payloads, hashes

    def decode(
        self, payloads: list[bytes], size: tuple[int, int], position: int, profile: int
    ) -> tuple[Tensor, list[int]]:
        """The inverse of `encode`: float32 [1, 3, H, W] in [0, 1] and the hashes. Raises StreamError on damage."""
        grid = self.grid(size)
        if len(grid.areas) != len(payloads):
            raise StreamError(f"{len(payloads)} payloads for a picture of {len(grid.areas)} tiles")
        hashes = [0] * len(payloads)

        def decode(number: int) -> Tensor:
            tile = self.decode_tile(payloads[number], grid.areas[number], position, profile)
            hashes[number] = tile.hash
            return tile.latents

        out = torch.empty((1, 3, grid.whole.height * STRIDE, grid.whole.width * STRIDE), device=self.device)

        def put(area: Area, samples: Tensor) -> None:
            out[:, :, *area.times(STRIDE).slices] = samples

        with self.workers(len(payloads)) as workers:
            synthesise(grid, grid.whole, decode, partial(self.synthesise, position=position), put, workers)
        return out[:, :, : size[0], : size[1]], hashes

    def _t(self, position: int) -> Tensor:
        return self.positions[position : position + 1].to(self.device)


def read_latents(read: Read, size: tuple[int, int], area: Area) -> Tensor:
    """The pixels of an area of latents, float32 [1, 3, 16 h, 16 w]; beyond the picture's edge its last ones."""
    pixels = area.times(STRIDE)
    x = read(pixels.meet(Area(0, 0, *size)))
    return F.pad(x, (0, STRIDE * area.width - x.shape[-1], 0, STRIDE * area.height - x.shape[-2]), mode="replicate")


def _transform(module: M, tensors: dict[str, Tensor], prefix: str, device: torch.device) -> M:
    # torch's stubs don't know that modules take a memory format
    fill(module, tensors, prefix).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        fuse(module)
    return module
