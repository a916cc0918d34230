"""An exported audio codec: samples <-> codes in fixed blocks, codes <-> payloads.

Networks see whole blocks of frames with the memory of those before, so a sound gives the same codes in whatever pieces
it arrives, and the same samples in whatever pieces its codes do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.entropy import StreamError
from kodek.entropy.exact import Exact
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DamagedError
from ..weights import fill, generation_id, group, read_weights
from . import segments
from .causal import Memory
from .choice import choose
from .model import Config, frames, networks, prior_config, stage_count
from .prior import Prior
from .quantisers import SEGMENT, ResidualQuantiser
from .segments import Segment

CODEC = "audio-rvq"
FILE_BLOCK = SEGMENT  # frames: one second
LIVE_BLOCK = 2  # frames: 40 ms
DECODING = ("prior.", "quantiser.books.", "quantiser.widen.", "synthesis.")

Samples = NDArray[np.float32]
Codes = NDArray[np.int16]


class AudioCodec:
    """`load` it from a weights file. Samples have its `rate`, Hz; codes are int16 [channels, stages, frames].

    Every channel is coded on its own.
    """

    def __init__(self, settings: dict[str, Any], tensors: dict[str, Tensor], name: str, device: str = "cpu") -> None:
        """settings: of the config, as the weights' metadata state them."""
        self.name = name
        self.config = c = Config(**settings)
        self.generation = generation_id(CODEC, settings, tensors, DECODING)
        self.device = torch.device(device)
        self.rate, self.hop, self.stages, self.steady = c.rate, c.hop, c.stages, c.steady
        analysis, quantiser, synthesis = networks(c)
        self.analysis = fill(analysis, tensors, "analysis.").to(self.device)
        self.synthesis = fill(synthesis, tensors, "synthesis.").to(self.device)
        self.quantiser: Any = quantiser.eval().to(self.device)
        quantiser.load(group(tensors, "quantiser."))
        self.prior: Any = fill(Prior(prior_config(c), Exact()), tensors, "prior.").to(self.device)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> AudioCodec:
        """Raises OSError for an unreadable file, DamagedError when its content is not what its generation id names."""
        metadata, tensors = read_weights(path)
        codec = cls(json.loads(metadata["config"]), tensors, metadata["name"], device)
        if codec.generation.hex() != metadata["generation"]:
            raise DamagedError(f"The weights {path} are damaged: they are not generation {metadata['generation']}.")
        return codec

    def stages_of(self, quality: float) -> int:
        """See `model.stage_count`."""
        return stage_count(quality, self.stages, self.steady)

    def frames(self, samples: int) -> int:
        """Frames of so many samples."""
        return frames(samples, self.hop)

    def analyser(self, channels: int, block: int = FILE_BLOCK, stages: int | None = None) -> Analyser:
        """stages: that are wanted, the first of them; all by default."""
        return Analyser(self, channels, block, stages or self.stages)

    def synthesiser(self, channels: int, block: int = FILE_BLOCK) -> Synthesiser:
        return Synthesiser(self, channels, block)

    def encode_segments(self, codes: Sequence[Codes], profile: int, past: Codes | None = None) -> list[Segment]:
        """codes: [C, s, T] each; past: in a live stream those before, [C, s_past, P], which the decoder knows too."""
        return segments.encode_segments(self.prior, codes, profile, past)

    def decode_segments(
        self, payloads: Sequence[bytes], shapes: Sequence[segments.Shape], profile: int, past: Codes | None = None
    ) -> list[Segment | StreamError]:
        """The inverse; shapes: of the codes, each. A damaged payload gives its error in its place."""
        return segments.decode_segments(self.prior, payloads, shapes, profile, past)

    def stage_bits(self, codes: Sequence[Codes]) -> list[NDArray[np.float64]]:
        """The ideal bits of each stage of each segment, [s]."""
        return segments.stage_bits(self.prior, codes)


class Analyser:
    """Samples in any pieces -> codes, a block at a time.

    The codes of a file's segments are chosen with regard to their bits. Those of the shorter blocks of a live stream
    are the nearest, as the choice would take as long again as all else; and they can't know their segment's mean, so
    its steady codes are those of the second before.
    """

    def __init__(self, codec: AudioCodec, channels: int, block: int, stages: int) -> None:
        self._codec, self._block, self._stages = codec, block, stages
        self._memory = Memory()
        self._waiting = np.zeros((channels, 0), np.float32)
        self._samples = self._frames = 0
        self._recent = torch.zeros((channels, 0, codec.config.latent), device=codec.device)
        self._steady: Tensor | None = None

    def push(self, samples: Samples) -> Codes:
        """float32 [channels, n] -> the codes of finished blocks, [channels, stages, k * block]."""
        self._samples += samples.shape[1]
        return self._run(samples)

    def finish(self) -> Codes:
        """The codes of the remaining frames."""
        left = self._codec.frames(self._samples) - self._frames
        size = self._block * self._codec.hop
        blocks = -(-left // self._block)
        return self._run(np.zeros((len(self._waiting), blocks * size - self._waiting.shape[1]), np.float32), left)

    @torch.inference_mode()
    def _run(self, samples: Samples, frames: int | None = None) -> Codes:
        """frames: at most."""
        codec, size = self._codec, self._block * self._codec.hop
        waiting = np.concatenate((self._waiting, samples), 1)
        ready = waiting.shape[1] // size * size
        self._waiting = waiting[:, ready:].copy()
        made = [np.zeros((len(waiting), self._stages, 0), np.int16)]
        for start in range(0, ready, size):
            x = torch.from_numpy(waiting[:, start : start + size].copy()).to(codec.device)
            z = codec.analysis(x, self._memory)
            if frames is not None:
                z = z[:, : frames - start // codec.hop]
            made.append(self._quantised(z).to(torch.int16).cpu().numpy())
            self._frames += z.shape[1]
        return np.concatenate(made, 2)

    def _quantised(self, z: Tensor) -> Tensor:
        """A block [B, T, latent] -> its codes [B, stages, T]."""
        quantiser = self._codec.quantiser
        if not isinstance(quantiser, ResidualQuantiser):
            return quantiser.encode(z, self._stages)
        if self._block == FILE_BLOCK:
            return choose(self._codec.prior, quantiser, z, self._stages)
        if quantiser.steady:
            self._settle(z)
        return quantiser.encode(z, self._stages, steady=self._steady)

    def _settle(self, z: Tensor) -> None:
        """At the start of a segment, its steady codes. z: the next block of a live stream."""
        if self._frames % FILE_BLOCK == 0:
            known = self._recent if self._recent.shape[1] else z
            self._steady = self._codec.quantiser.encode(known, self._codec.steady)[:, :, 0]
        self._recent = torch.cat((self._recent, z), 1)[:, -FILE_BLOCK:]


class Synthesiser:
    """Codes in any pieces -> samples, a block at a time."""

    def __init__(self, codec: AudioCodec, channels: int, block: int) -> None:
        self._codec, self._block = codec, block
        self._memory = Memory()
        self._waiting = torch.zeros((channels, 0, codec.config.latent), device=codec.device)
        self._late = codec.hop  # samples that lie before the start
        self._samples = 0

    def push(self, codes: Codes) -> Samples:
        """[channels, s, T] of the first s stages, any s -> float32 [channels, n], the samples of finished blocks."""
        return self._run(self._codec.quantiser.decode(torch.from_numpy(codes.astype(np.int64)).to(self._codec.device)))

    def skip(self, frames: int) -> Samples:
        """As `push`, for frames whose codes are lost."""
        return self._run(self._waiting.new_zeros((len(self._waiting), frames, self._codec.config.latent)))

    def finish(self, length: int) -> Samples:
        """The remaining samples of `length` in all."""
        left = length - self._samples
        missing = max(0, left + self._late - self._codec.hop * self._waiting.shape[1])
        frames = -(-missing // self._codec.hop) + self._waiting.shape[1]
        blocks = -(-frames // self._block)
        padding = blocks * self._block - self._waiting.shape[1]
        return self.skip(padding)[:, :left]

    @torch.inference_mode()
    def _run(self, z: Tensor) -> Samples:
        codec = self._codec
        waiting = torch.cat((self._waiting, z), 1)
        ready = waiting.shape[1] // self._block * self._block
        self._waiting = waiting[:, ready:].clone()
        made = [torch.zeros((len(waiting), 0), device=codec.device)]
        for start in range(0, ready, self._block):
            made.append(codec.synthesis(waiting[:, start : start + self._block].contiguous(), self._memory))
        samples = torch.cat(made, 1)
        early = min(self._late, samples.shape[1])
        self._late -= early
        self._samples += samples.shape[1] - early
        return samples[:, early:].cpu().numpy()
