"""Vector quantisers of latents in stages, coarse to fine: one module for the family.

Each stage quantises what the stages before left of its channels:

    rvq      all channels                                   (SoundStream, Zeghidour et al. 2021; EnCodec)
    grouped  one half of them, in turn                      (HiFi-Codec, Yang et al. 2023)
    masked   a third of them each, from the fourth on all   (Language-Codec, Ji et al. 2024)
    single   all, in one stage                              (WavTokenizer, Ji et al. 2024)
    fsq      channels of its own, each rounded to few levels, no codebook  (Mentzer et al. 2023)

The gradient passes straight through the sum of all stages. Codebooks are moving averages of the vectors they stand
for, and replaced where they stand for few (Mimi, Defossez et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..weights import group, half

if TYPE_CHECKING:
    from .model import Config

DECAY = 0.99
RARE = 0.4  # of the mean usage: below it, a code is replaced
CHECK_EVERY = 5  # updates
LEVELS = (8, 5, 5, 5)  # of fsq: 1000 codes
MEANS_STEPS = 10


class Codebook(nn.Module):
    """codes x width vectors as running sums: the vector of a code is total / usage."""

    usage: Tensor
    total: Tensor
    updates: Tensor
    replaced: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("usage", torch.ones(codes))
        self.register_buffer("total", torch.randn(codes, width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        # codes so far, for who counts them
        self.register_buffer("replaced", torch.zeros((), dtype=torch.long), persistent=False)

        self._loaded: tuple[Tensor, Tensor] | None = None

    @property
    def vectors(self) -> Tensor:
        return self._rows()[0]

    def _rows(self) -> tuple[Tensor, Tensor]:
        """The vectors and half of their squares; those that were loaded don't change any more."""
        if self._loaded is not None:
            return self._loaded
        vectors = self.total / self.usage[:, None]
        return vectors, 0.5 * vectors.square().sum(1)

    @torch.no_grad()
    def nearest(self, x: Tensor, favour: Tensor | None = None) -> Tensor:
        """x [.., width] -> codes [..], int64. favour [.., codes]: half the squared distance that each is forgiven."""
        vectors, half_squares = self._rows()
        score = x @ vectors.T - half_squares
        return (score if favour is None else score + favour).argmax(-1)

    @torch.no_grad()
    def update(self, x: Tensor, codes: Tensor) -> None:
        """Learn from vectors [n, width] and their codes [n]."""
        counts = torch.zeros_like(self.usage).index_add_(0, codes, torch.ones_like(x[:, 0]))
        sums = torch.zeros_like(self.total).index_add_(0, codes, x)
        self.usage.lerp_(counts, 1 - DECAY).clamp_(min=1e-6)
        self.total.lerp_(sums, 1 - DECAY)
        self.updates += 1
        if self.updates % CHECK_EVERY == 0:
            self._revive(x)

    @torch.no_grad()
    def start(self, x: Tensor) -> Tensor:
        """k-means of vectors [n, width]; returns their codes."""
        codes = len(self.usage)
        vectors = x[torch.randint(len(x), (codes,), device=x.device)] + 1e-4 * torch.randn_like(self.total)
        for _ in range(MEANS_STEPS):
            self.total.copy_(vectors)
            self.usage.fill_(1)
            chosen = self.nearest(x)
            counts = torch.zeros_like(self.usage).index_add_(0, chosen, torch.ones_like(x[:, 0]))
            sums = torch.zeros_like(self.total).index_add_(0, chosen, x)
            again = x[torch.randint(len(x), (codes,), device=x.device)]
            vectors = torch.where((counts > 0)[:, None], sums / counts.clamp(min=1)[:, None], again)
        share = (counts / counts.mean()).clamp(min=0.1)
        self.usage.copy_(share)
        self.total.copy_(vectors * share[:, None])
        return self.nearest(x)

    def _revive(self, x: Tensor) -> None:
        mean = self.usage.mean()
        rare = self.usage < RARE * mean
        self.replaced += rare.sum()
        again = x[torch.randint(len(x), self.usage.shape, device=x.device)]
        self.usage.copy_(torch.where(rare, mean, self.usage))
        self.total.copy_(torch.where(rare[:, None], again * mean, self.total))

    def tensors(self) -> dict[str, Tensor]:
        """The vectors in 8 bits: what that rounds away, the next stage sees."""
        scale = self.vectors.abs().max().clamp(min=1e-9) / 127
        return {"vectors": (self.vectors / scale).round().to(torch.int8), "scale": scale}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        self.total.copy_(tensors["vectors"].float() * tensors["scale"])
        self.usage.fill_(1)
        self._loaded = None
        if not self.training:
            self._loaded = self._rows()


class ResidualQuantiser(nn.Module):
    """z [B, T, latent] <-> codes [B, stages, T]."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.latent = c.latent
        self.parts = list(parts(c))
        self.books: Any = nn.ModuleList(Codebook(c.codes, part.stop - part.start) for part in self.parts)

    def forward(self, z: Tensor, stages: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """stages [B]: how many of them each sample may use; 0: not quantised at all.

        Returns z_hat, codes [B, max(stages), T] and the commitment loss: the mean squared distance of what each stage
        sees from the code it gets, relative to the variance of z.
        """
        residual, commitment, codes = z, z.new_zeros(()), []
        for number in range(int(stages.max())):
            part, book = self.parts[number], self.books[number]
            used = (stages > number).nonzero()[:, 0]
            chosen = book.nearest(residual[..., part])
            if self.training:
                book.update(residual[used][..., part].detach().flatten(0, 1), chosen[used].flatten())
            quantised = F.embedding(chosen, book.vectors)
            distance = (residual[..., part] - quantised)[used].square().mean()
            commitment = commitment + distance / len(self.parts)
            active = (stages > number)[:, None, None]
            residual = residual - F.pad(quantised * active, (part.start, z.shape[2] - part.stop))
            codes.append(chosen)
        quantised_at_all = (stages > 0)[:, None, None]
        z_hat = torch.where(quantised_at_all, z - residual.detach(), z)
        commitment = commitment / (z.detach().var() + 1e-6)
        return (
            z_hat,
            torch.stack(codes, 1) if codes else z.new_zeros((len(z), 0, z.shape[1])).long(),
            {"commitment": commitment},
        )

    @torch.no_grad()
    def encode(self, z: Tensor, stages: int, first: int = 0) -> Tensor:
        """z [B, T, latent], or what `first` stages left of it -> codes [B, stages - first, T]."""
        residual = z.clone()
        codes = [self.take(number, residual) for number in range(first, stages)]
        return torch.stack(codes, 1) if codes else z.new_zeros((len(z), 0, z.shape[1]), dtype=torch.int64)

    @torch.no_grad()
    def take(self, number: int, residual: Tensor, favour: Tensor | None = None) -> Tensor:
        """The codes [B, T] of a stage, see `Codebook.nearest`; takes their vectors from the residual [B, T, latent]."""
        part, book = self.parts[number], self.books[number]
        codes = book.nearest(residual[..., part], favour)
        residual[..., part] -= F.embedding(codes, book.vectors)
        return codes

    def energy(self, number: int) -> float:
        """Mean squared length of a stage's vectors."""
        return float(self.books[number].vectors.square().sum(1).mean())

    def decode(self, codes: Tensor) -> Tensor:
        """codes [B, S, T] of the first S stages -> z_hat [B, T, latent]."""
        z = torch.zeros((codes.shape[0], codes.shape[2], self.latent), device=codes.device)
        for number in range(codes.shape[1]):
            z[..., self.parts[number]] += F.embedding(codes[:, number], self.books[number].vectors)
        return z

    @torch.no_grad()
    def start(self, z: Tensor) -> None:
        """Fit the codebooks to latents [n, latent], stage after stage."""
        residual = z.clone()
        for part, book in zip(self.parts, self.books, strict=True):
            chosen = book.start(residual[:, part])
            residual[:, part] -= F.embedding(chosen, book.vectors)

    def tensors(self) -> dict[str, Tensor]:
        """What a weights file holds."""
        books = {f"books.{number}.": book.tensors() for number, book in enumerate(self.books)}
        return {f"{prefix}{key}": value for prefix, book in books.items() for key, value in book.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        for number, book in enumerate(self.books):
            book.load(group(tensors, f"books.{number}."))


def parts(c: Config) -> Iterator[slice]:
    """The channels of each stage."""
    for number in range(c.stages):
        pieces = {"grouped": 2, "masked": 3 if number < 3 else 1}.get(c.quantiser, 1)
        size = c.latent // pieces
        start = number % pieces * size
        yield slice(start, c.latent if number % pieces == pieces - 1 else start + size)


class ScalarQuantiser(nn.Module):
    """Finite scalar quantisation; each stage has channels of its own, and z is a linear map of all of them."""

    levels: Tensor
    basis: Tensor

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.stages = c.stages
        self.narrow = nn.Linear(c.latent, len(LEVELS) * c.stages)
        self.widen = nn.Linear(len(LEVELS) * c.stages, c.latent, bias=False)
        self.register_buffer("levels", torch.tensor(LEVELS, dtype=torch.float32), persistent=False)
        basis = [math.prod(LEVELS[:i]) for i in range(len(LEVELS))]
        self.register_buffer("basis", torch.tensor(basis), persistent=False)

    def forward(self, z: Tensor, stages: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As of `ResidualQuantiser`; there is nothing to commit to."""
        digits = self._digits(z)
        rounded = digits + (digits.round() - digits).detach()
        active = torch.arange(self.stages, device=z.device) < stages[:, None]
        codes = self._codes(digits.round())[:, : int(stages.max())]
        chosen = torch.where((stages > 0)[:, None, None, None], self._centred(rounded), self._centred(digits))
        chosen = chosen * (active | (stages == 0)[:, None])[:, None, :, None]
        return self.widen(chosen.flatten(2)), codes, {"commitment": z.new_zeros(())}

    @torch.no_grad()
    def encode(self, z: Tensor, stages: int) -> Tensor:
        return self._codes(self._digits(z).round())[:, :stages]

    def decode(self, codes: Tensor) -> Tensor:
        digits = codes.transpose(1, 2)[..., None] // self.basis % self.levels.long()
        chosen = F.pad(self._centred(digits.float()), (0, 0, 0, self.stages - codes.shape[1]))
        return self.widen(chosen.flatten(2))

    def start(self, z: Tensor) -> None:
        """Nothing needs a start."""

    def tensors(self) -> dict[str, Tensor]:
        return half(self, "")

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        self.load_state_dict(dict(tensors))

    def _digits(self, z: Tensor) -> Tensor:
        """-> [B, T, stages, digits], real numbers from 0 to levels - 1."""
        bounded = torch.sigmoid(self.narrow(z).unflatten(2, (self.stages, -1)))
        return bounded * (self.levels - 1e-3) - 0.5 + 5e-4

    def _centred(self, digits: Tensor) -> Tensor:
        return digits * 2 / (self.levels - 1) - 1

    def _codes(self, digits: Tensor) -> Tensor:
        return (digits.clamp(min=0).long() * self.basis).sum(3).transpose(1, 2)
