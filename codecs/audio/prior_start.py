"""Where the context model starts: in closed form, from codes and their vectors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .prior import PASSES, Prior, Stage, place

CONFIDENCE = 0.6  # of the contexts' Gaussians: they are not quite as independent as these take them to be
RIDGE = 1e-3


@torch.no_grad()
def initialise(prior: Prior, codes: Tensor, codebooks: Tensor | None = None) -> None:
    """Start from codes, int64 [B, S, T], and from their vectors, [S, codes, D], which add up to the latents.

    With vectors, what a stage knows of frames are their latents in the directions in which these change slowest, a
    context is what is expected of a code's vector by linear regression, and logits are its discriminant functions
    (Fisher 1936), all in closed form. Without, logits are the frequencies.
    """
    config = prior.config
    for block in (*prior.blocks, prior):
        nn.init.zeros_(block.project.weight)  # type: ignore[arg-type]
        nn.init.zeros_(block.project.bias)  # type: ignore[arg-type]
    for number, stage in enumerate(prior.stages):
        stage.table.weight[:, config.rank :] = torch.log2(shares(codes[:, number], config.codes))[:, None]
        for leave in stage.leave:
            nn.init.zeros_(leave.weight)
            nn.init.zeros_(leave.bias)
    if codebooks is None:
        return
    z = F.embedding(codes[:, 0], codebooks[0])
    for number, rows in enumerate(codebooks[1:], 1):
        z += F.embedding(codes[:, number], rows)
    axes = slowest(z, min(config.rank, config.width))
    for stage, rows in zip(prior.stages, codebooks @ axes, strict=True):
        place_vectors(stage, rows)
    known = [stage.embed(codes[:, number]) for number, stage in enumerate(prior.stages)]
    below = [torch.zeros_like(known[0])]
    for part in known[:-1]:
        below.append(below[-1] + part)
    regress(prior, known, below)
    for number, stage in enumerate(prior.stages):
        around = prior.around(prior.blocks(below[number]))
        for first in range(PASSES):
            x = prior.context(around, at_even(known[number]) * first, slice(first, None, PASSES))
            discriminate(stage, first, x[0].flatten(1).T, codes[:, number, first::PASSES].flatten())


def shares(codes: Tensor, count: int) -> Tensor:
    """How many times as often as the average each code occurs, one more time counted than it did."""
    counts = torch.bincount(codes.flatten(), minlength=count).float() + 1
    return counts / counts.mean()


def slowest(z: Tensor, count: int) -> Tensor:
    """The directions [D, count] in which z [B, T, D] changes least from frame to frame, in units of its deviation there
    (slow feature analysis, Wiskott & Sejnowski 2002).
    """
    values, vectors = torch.linalg.eigh(torch.cov(z.flatten(0, 1).T))
    whiten = vectors / values.clamp(min=1e-6 * values[-1]).sqrt()
    changes = z.diff(dim=1).flatten(0, 1) @ whiten
    return whiten @ torch.linalg.eigh(torch.cov(changes.T))[1][:, :count]


def place_vectors(stage: Stage, rows: Tensor) -> None:
    """Codes' vectors [codes, n]: the table holds them with deviation 1, the first n channels of `enter` as they are."""
    n = rows.shape[1]
    scale, mean = rows.std(0).clamp(min=1e-6), rows.mean(0)
    stage.table.weight[:, :n] = (rows - mean) / scale
    enter: nn.Conv2d = stage.enter
    enter.weight *= scale.mean()
    enter.weight[:n] = 0
    enter.weight[:n, :n, 0, 0] = torch.diag(scale)
    enter.bias[:n] = mean  # type: ignore[index]


def regress(prior: Prior, known: list[Tensor], below: list[Tensor]) -> None:
    """The first channels of contexts: what is expected of a code's vector in either pass, and the latents so far."""
    c = prior.config
    n, taps = min(c.rank, c.width, c.hidden // 3), c.kernel
    middle = taps // 2
    xx = [torch.zeros(2 * n * taps, 2 * n * taps) for _ in range(PASSES)]
    xy = [torch.zeros(2 * n * taps, n) for _ in range(PASSES)]
    for own, under in zip(known, below, strict=True):
        weight = 1 / own[0, :n].var()
        for first in range(PASSES):
            parts = (windows(part[:, :n], taps) for part in (under, at_even(own) * first))
            x = torch.cat(tuple(parts))[:, :, first::PASSES].flatten(1)
            y = own[0, :n, :, first::PASSES].flatten(1)
            xx[first] += weight * x @ x.T
            xy[first] += weight * x @ y.T
    for conv in (prior.around, prior.near):
        conv.weight[: 3 * n] = 0
        conv.bias[: 3 * n] = 0  # type: ignore[index]
    for first in range(PASSES):
        ridge = RIDGE * xx[first].diagonal().mean() * torch.eye(len(xx[first]))
        found = torch.linalg.solve(xx[first] + ridge, xy[first])
        channels = slice(first * n, (first + 1) * n)
        for conv, part in zip((prior.around, prior.near), found.T.view(n, 2, n, taps).unbind(1), strict=True):
            conv.weight[channels, :n, 0] = part
    prior.around.weight[2 * n : 3 * n, :n, 0, middle] = torch.eye(n)


def discriminate(stage: Stage, first: int, x: Tensor, codes: Tensor) -> None:
    """Logits of a pass from contexts [N, hidden] and their codes [N]: Gaussians of one covariance, whose means are
    linear in the codes' vectors.
    """
    vectors, share = stage.table.weight[:, : stage.rank], shares(codes, len(stage.table.weight))
    centre = (vectors * share[:, None]).mean(0)
    mean = x.mean(0)
    c, x = vectors[codes] - centre, x - mean
    slope = torch.linalg.lstsq(c, x).solution
    rest = x - c @ slope
    covariance = rest.T @ rest / len(x)
    covariance += (RIDGE * covariance.diagonal().mean() + 1e-6) * torch.eye(len(covariance))
    weights = torch.linalg.solve(covariance, slope.T).T * CONFIDENCE / math.log(2)
    stage.leave[first].weight.copy_(weights[:, :, None, None])
    stage.leave[first].bias.copy_(-weights @ mean)
    spread = (((vectors - centre) @ slope) * ((vectors - centre) @ weights)).sum(1)
    stage.table.weight[:, stage.rank + first] = torch.log2(share) - 0.5 * (spread - spread.mean())


def windows(x: Tensor, taps: int) -> Tensor:
    """[1, C, B, T] -> [C * taps, B, T], what a convolution over time sees."""
    return F.pad(x[0], (taps // 2, taps // 2)).unfold(2, taps, 1).permute(0, 3, 1, 2).flatten(0, 1)


def at_even(x: Tensor) -> Tensor:
    """x [1, C, B, T], zero at odd frames."""
    return place(x[..., ::PASSES], torch.zeros_like(x), slice(0, None, PASSES))
