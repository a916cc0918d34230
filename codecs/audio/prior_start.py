"""Where the context model starts: in closed form, from codes and their vectors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .prior import PASSES, Prior, Stage, place

CONFIDENCE = 0.6  # of the contexts' Gaussians: they are not quite as independent as these take them to be
RIDGE = 0.01  # of the mean variance of what is regressed on, added to it


@torch.no_grad()
def initialise(prior: Prior, codes: Tensor, codebooks: Tensor | None = None) -> None:
    """Start from codes, int64 [B, S, T], and from their vectors, [S, codes, D], which add up to the latents.

    With vectors, what a stage knows of frames are their latents in the directions in which these change slowest, a
    context is what is expected of a code's vector by linear regression, and logits are its discriminant functions
    (Fisher 1936), all in closed form. Without, logits are the frequencies.
    """
    for network in (*prior.blocks, *prior.contexts):
        nothing(network.project)  # type: ignore[arg-type]
    for number, stage in enumerate(prior.stages):
        stage.bias.weight[:] = torch.log2(shares(codes[:, number], prior.config.codes))[:, None]
        for leave in stage.leave:
            nothing(leave)
    if codebooks is None:
        return
    z = F.embedding(codes[:, 0], codebooks[0])
    for number, rows in enumerate(codebooks[1:], 1):
        z += F.embedding(codes[:, number], rows)
    axes = slowest(z, prior.config.rank)
    for stage, rows in zip(prior.stages, codebooks @ axes, strict=True):
        place_vectors(stage, rows)
    known = [stage.embed(codes[:, number]) for number, stage in enumerate(prior.stages)]
    below = [torch.zeros_like(known[0])]
    for part in known[:-1]:
        below.append(below[-1] + part)
    regress(prior, known, below)
    for number, stage in enumerate(prior.stages):
        if number < prior.config.steady:
            continue  # likely by their frequencies
        around = prior.blocks(below[number])
        for first, context in enumerate(prior.contexts):
            x = context(around, at_even(known[number]) * first, slice(first, None, PASSES))
            discriminate(stage, first, x[0].flatten(1).T, codes[:, number, first::PASSES].flatten())


def nothing(conv: nn.Module) -> None:
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)


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
    """Codes' vectors [codes, n]: in the first channels of the table with deviation 1, after `enter` as they are."""
    n = rows.shape[1]
    scale, mean = rows.std(0).clamp(min=1e-6), rows.mean(0)
    stage.table.weight[:, :n] = (rows - mean) / scale
    stage.enter.weight[:n, 0, 0, 0] = scale
    stage.enter.bias[:n] = mean


def regress(prior: Prior, known: list[Tensor], below: list[Tensor]) -> None:
    """The first channels of contexts: what is expected of a code's vector, and the latents so far."""
    rank, taps = prior.config.rank, prior.config.kernel
    n = min(rank, prior.config.width // 2)
    for first, context in enumerate(prior.contexts):
        xx, xy = torch.zeros(2 * rank * taps, 2 * rank * taps), torch.zeros(2 * rank * taps, n)
        for own, under in list(zip(known, below, strict=True))[prior.config.steady :]:
            x = torch.cat((windows(under, taps), windows(at_even(own) * first, taps)))[:, :, first::PASSES].flatten(1)
            y = own[0, :n, :, first::PASSES].flatten(1)
            weight = 1 / y.var()
            xx += weight * x @ x.T
            xy += weight * x @ y.T
        found = torch.linalg.solve(xx + RIDGE * xx.diagonal().mean() * torch.eye(len(xx)), xy)
        for conv, part in zip((context.around, context.near), found.T.view(n, 2, rank, taps).unbind(1), strict=True):
            conv.weight[:n, :, 0] = part
            conv.weight[n : 2 * n] = 0
            conv.bias[: 2 * n] = 0
        context.around.weight[n : 2 * n, :n, 0, taps // 2] = torch.eye(n)


def discriminate(stage: Stage, first: int, x: Tensor, codes: Tensor) -> None:
    """Logits of a pass from contexts [N, width] and their codes [N]: these are Gaussians of one covariance around means
    that are linear in the codes' vectors.
    """
    share = shares(codes, len(stage.table.weight))
    vectors, mean = stage.table.weight - (stage.table.weight * share[:, None]).mean(0), x.mean(0)
    slope = torch.linalg.lstsq(vectors[codes], x - mean).solution
    rest = x - mean - vectors[codes] @ slope
    covariance = rest.T @ rest / len(x) + (RIDGE * x.var(0).mean() + 1e-6) * torch.eye(x.shape[1])
    weights = torch.linalg.solve(covariance, slope.T).T * CONFIDENCE / math.log(2)
    stage.leave[first].weight.copy_(weights[:, :, None, None])
    stage.leave[first].bias.copy_(-weights @ mean)
    spread = ((vectors @ slope) * (vectors @ weights)).sum(1)
    stage.bias.weight[:, first] = torch.log2(share) - 0.5 * (spread - spread.mean())


def windows(x: Tensor, taps: int) -> Tensor:
    """[1, C, B, T] -> [C * taps, B, T], what a convolution over time sees."""
    return F.pad(x[0], (taps // 2, taps // 2)).unfold(2, taps, 1).permute(0, 3, 1, 2).flatten(0, 1)


def at_even(x: Tensor) -> Tensor:
    """x [1, C, B, T], zero at odd frames."""
    return place(x[..., ::PASSES], torch.zeros_like(x), slice(0, None, PASSES))
