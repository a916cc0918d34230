"""Vector quantisers of latents in stages, coarse to fine: one module for the family.

Each stage quantises what the stages before left of its channels:

    rvq      all channels                                   (SoundStream, Zeghidour et al. 2021; EnCodec)
    grouped  one half of them, in turn                      (HiFi-Codec, Yang et al. 2023)
    masked   a third of them each, from the fourth on all   (Language-Codec, Ji et al. 2024)
    single   all, in one stage                              (WavTokenizer, Ji et al. 2024)
    fsq      channels of its own, each rounded to few levels, no codebook  (Mentzer et al. 2023)

The first stages may be steady: one code for a whole segment, of what the stages before left of its mean. So what a
voice and a room have in common in a second is told once and not in each frame (time-invariant codes, TiCodec, Ren et
al. 2024), and the stages that follow see less of what differs between recordings.

The gradient passes straight through the sum of all stages. Codebooks are moving averages of the vectors they stand
for, and replaced where they stand for few (Mimi, Defossez et al. 2024).

Other codes are looked up by their direction (Descript Audio Codec, Kumar et al. 2023), in a metric in which what
differs between segments counts less than what changes within one (nuisance attributes, Solomonoff et al. 2005), most so
in the first stage. Without all that a recording unlike those of the training takes few of the codes. The decoder knows
nothing of directions and metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..weights import group, half

if TYPE_CHECKING:
    from .model import Config

SEGMENT = 50  # frames: one second
DECAY = 0.99
RARE = 0.4  # of the mean usage: below it, a code is replaced
CHECK_EVERY = 5  # updates
LEVELS = (8, 5, 5, 5)  # of fsq: 1000 codes
MEANS_STEPS = 10
BLOCK = 16_384  # vectors that are looked up at once

WEIGHTS = (30.0, 2.0, 0.5, 0.0)  # see `metric`; of the first stages that aren't steady, the last also of all others
OFFSETS = (0.2, 2.5)  # times what is constant in a recording
STEP = 5  # frames between segments that steady codes are fitted to


class Codebook(nn.Module):
    """codes x width vectors as running sums: the vector of a code is total / usage."""

    usage: Tensor
    total: Tensor
    search: Tensor
    updates: Tensor
    replaced: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("usage", torch.ones(codes))
        self.register_buffer("total", torch.randn(codes, width))
        # codes are looked up by the direction of vectors @ search; by distance while it is 0
        self.register_buffer("search", torch.zeros(width, width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        # codes so far, for who counts them
        self.register_buffer("replaced", torch.zeros((), dtype=torch.long), persistent=False)

        self._loaded: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def vectors(self) -> Tensor:
        return self._loaded[0] if self._loaded else self.total / self.usage[:, None]

    def _lookup(self) -> tuple[Tensor, Tensor, Tensor]:
        """The vectors; their keys, whose product with a vector less the third is highest for the code it gets.

        Those that were loaded don't change any more.
        """
        if self._loaded:
            return self._loaded
        vectors = self.vectors
        if not self.search.any():
            return vectors, vectors, 0.5 * vectors.square().sum(1)
        keys = vectors @ self.search
        keys = F.normalize(keys) * keys.norm(dim=1).mean()  # so that favours are in the units of distances
        return vectors, keys @ self.search.T, torch.zeros_like(self.usage)

    @torch.no_grad()
    def nearest(self, x: Tensor, favour: Tensor | None = None) -> Tensor:
        """x [.., width] -> codes [..], int64. favour [.., codes]: half the squared distance that each is forgiven."""
        _, keys, less = self._lookup()
        score = x @ keys.T - less
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
        self.total.copy_(self._any(x) + 1e-4 * torch.randn_like(self.total))
        self.usage.fill_(1)
        for step in range(MEANS_STEPS + 1):
            chosen = self._nearest_of_many(x)
            counts = torch.bincount(chosen, minlength=codes).to(x.dtype)
            sums = torch.zeros_like(self.total).index_add_(0, chosen, x)
            rare = counts < (RARE * counts.mean() if step < MEANS_STEPS else 1)
            self.total.copy_(torch.where(rare[:, None], self._any(x), sums / counts.clamp(min=1)[:, None]))
        share = (counts / counts.mean()).clamp(min=0.1)
        self.usage.copy_(share)
        self.total.mul_(share[:, None])
        return self._nearest_of_many(x)

    def _nearest_of_many(self, x: Tensor) -> Tensor:
        return torch.cat([self.nearest(part) for part in x.split(BLOCK)])

    def _any(self, x: Tensor) -> Tensor:
        """For every code one of the vectors [n, width]."""
        return x[torch.randint(len(x), self.usage.shape, device=x.device)]

    def _revive(self, x: Tensor) -> None:
        mean = self.usage.mean()
        rare = (self.usage < RARE * mean).nonzero()[:, 0]
        rare = rare[torch.randperm(len(rare), device=x.device)[: len(x)]]  # each by a vector of its own
        self.replaced += len(rare)
        self.usage[rare] = mean
        self.total[rare] = x[torch.randperm(len(x), device=x.device)[: len(rare)]] * mean

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
            self._loaded = self._lookup()


class ResidualQuantiser(nn.Module):
    """z [B, T, latent] <-> codes [B, stages, T].

    started: 0: at no latents yet, 1: at those of an analysis that was still learning, 2: at its last.
    """

    started: Tensor

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.latent, self.steady = c.latent, c.steady
        self.parts = list(parts(c))
        self.books: Any = nn.ModuleList(Codebook(c.codes, part.stop - part.start) for part in self.parts)
        self.register_buffer("started", torch.zeros((), dtype=torch.uint8))

    def forward(self, z: Tensor, stages: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """stages [B]: how many of them each sample may use; 0: not quantised at all.

        Returns z_hat, codes [B, max(stages), T] and the commitment loss: the mean squared distance of what each stage
        sees from the code it gets, relative to the variance of z.
        """
        residual, commitment, codes = z, z.new_zeros(()), []
        for number in range(int(stages.max())):
            part, book = self.parts[number], self.books[number]
            used = (stages > number).nonzero()[:, 0]
            seen = self._seen(number, residual)
            chosen = book.nearest(seen)
            if self.training:
                book.update(seen[used].detach().flatten(0, 1), chosen[used].flatten())
            chosen = self._in_frames(number, chosen, z.shape[1])
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
    def encode(self, z: Tensor, stages: int, first: int = 0, steady: Tensor | None = None) -> Tensor:
        """z [B, T, latent], or what `first` stages left of it -> codes [B, stages - first, T].

        steady [B, n]: the codes of the steady stages, if they are chosen already.
        """
        frames, residual, codes = z.shape[1], z.clone(), []
        if steady is not None:
            known = steady[:, :stages, None].expand(-1, -1, frames)
            residual, first, codes = residual - self.decode(known), known.shape[1], list(known.unbind(1))
        codes += [self._in_frames(number, self.take(number, residual), frames) for number in range(first, stages)]
        return torch.stack(codes, 1) if codes else z.new_zeros((len(z), 0, frames), dtype=torch.int64)

    @torch.no_grad()
    def take(self, number: int, residual: Tensor, favour: Tensor | None = None) -> Tensor:
        """The codes [B, T] of a stage, see `Codebook.nearest`; of a steady one [B, segments].

        Takes their vectors from the residual [B, T, latent].
        """
        part, book = self.parts[number], self.books[number]
        codes = book.nearest(self._seen(number, residual), favour)
        residual[..., part] -= F.embedding(self._in_frames(number, codes, residual.shape[1]), book.vectors)
        return codes

    def _seen(self, number: int, residual: Tensor) -> Tensor:
        """What a stage quantises of a residual [B, T, latent]: [B, T, width], if it is steady [B, segments, width]."""
        seen = residual[..., self.parts[number]]
        return means(seen) if number < self.steady else seen

    def _in_frames(self, number: int, codes: Tensor, frames: int) -> Tensor:
        """The inverse of the above, for codes: -> [B, T]."""
        return codes[:, segment_of(frames).to(codes.device)] if number < self.steady else codes

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
    def start(self, z: Tensor, track: Callable[[range], Iterable[int]] = iter) -> None:
        """Fit the codebooks to latents [B, T, latent] of B recordings, stage after stage, which `track` counts.

        What is constant in a recording is made smaller or larger at random, for those that no training has.
        """
        low, high = OFFSETS
        constant = z.mean(1, keepdim=True)
        residual = z + (low - 1 + (high - low) * torch.rand_like(constant[..., :1])) * constant
        segments = residual.unfold(1, min(SEGMENT, z.shape[1]), STEP).mean(3).flatten(0, 1)
        mean = means(z)
        within = (z - mean[:, segment_of(z.shape[1]).to(z.device)]).flatten(0, 1).T.cov()
        between = mean.flatten(0, 1).T.cov(correction=0)
        for number in track(range(len(self.parts))):
            part, book = self.parts[number], self.books[number]
            if number < self.steady:
                segments = segments - F.embedding(book.start(segments), book.vectors)
                self.take(number, residual)
            else:
                weight = WEIGHTS[min(number - self.steady, len(WEIGHTS) - 1)]
                book.search.copy_(metric(within[part, part], between[part, part], weight))
                chosen = book.start(residual[..., part].flatten(0, 1))
                residual[..., part] -= F.embedding(chosen.view(z.shape[:2]), book.vectors)

    def tensors(self) -> dict[str, Tensor]:
        """What a weights file holds. `search` is the encoder's alone; a stage without has that of the one before."""
        books = {f"books.{number}.": book.tensors() for number, book in enumerate(self.books)}
        before = [torch.zeros_like(self.books[0].search), *(book.search for book in self.books)]
        search = {
            f"search.{number}": book.search.half()
            for number, book in enumerate(self.books)
            if not torch.equal(book.search, before[number])
        }
        return search | {f"{prefix}{key}": value for prefix, book in books.items() for key, value in book.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        search = torch.zeros(())
        for number, book in enumerate(self.books):
            search = tensors.get(f"search.{number}", search)
            book.search.copy_(search)
            book.load(group(tensors, f"books.{number}."))


def metric(within: Tensor, between: Tensor, weight: float) -> Tensor:
    """A matrix [width, width] that vectors are multiplied by before their directions are compared.

    within, between: covariances [width, width] of vectors around their segment's mean, and of these means. In the
    directions in which these have the ratios r to each other lengths become 1 / sqrt(1 + weight * r) of what they were.
    What changes within segments keeps its energy.
    """
    values, vectors = torch.linalg.eigh(within)
    whiten = vectors * values.clamp(min=1e-6 * values[-1]).rsqrt() @ vectors.T
    ratios, axes = torch.linalg.eigh(whiten @ between @ whiten)
    search = axes * (1 + weight * ratios.clamp(min=0)).rsqrt()
    return search * (within.trace() / (search.T @ within @ search).trace()).sqrt()


def segment_of(frames: int) -> Tensor:
    """In which segment each frame lies, int64 [frames]: the last one has those that are left as well."""
    return (torch.arange(frames) // SEGMENT).clamp(max=max(0, frames // SEGMENT - 1))


def means(x: Tensor) -> Tensor:
    """[B, T, width] -> those of the segments, [B, segments, width]."""
    at = segment_of(x.shape[1]).to(x.device)
    count = at.bincount()
    return x.new_zeros((len(x), len(count), x.shape[2])).index_add(1, at, x) / count[:, None]


def parts(c: Config) -> Iterator[slice]:
    """The channels of each stage."""
    for _ in range(c.steady):
        yield slice(0, c.latent)
    for number in range(c.stages - c.steady):
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

    def start(self, z: Tensor, track: Callable[[range], Iterable[int]] = iter) -> None:
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
