"""Training the context model: what codes cost under it, in segments as files and live streams cut them."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from kodek.entropy.coder import Estimator
from torch import Tensor

from .prior import Prior

FILE_FRAMES, LIVE_FRAMES = 50, 2  # of a segment
STAGES = 8  # that a loss codes, which bounds its work


def prior_loss(prior: Prior, codes: Tensor, stages: int = STAGES) -> Tensor:
    """Mean bits a code of up to `stages` random stages, the lower the likelier, in segments of random length.

    prior: of float arithmetic; codes: int64 [B, S, T] of B sounds. Half of the losses cut them as a file does, without
    a past; the others into segments of 2 to 50 frames with up to `config.past` frames before them.
    """
    frames, past = min(FILE_FRAMES, codes.shape[2]), 0
    if random.random() < 0.5:
        frames = min(frames, round(LIVE_FRAMES * (FILE_FRAMES / LIVE_FRAMES) ** random.random()))
        past = min(codes.shape[2] - frames, random.choice((random.randrange(prior.config.past), prior.config.past)))
    segments = codes.unfold(2, past + frames, frames).permute(0, 2, 1, 3).flatten(0, 1)
    count = max(1, codes.shape[0] * codes.shape[2] // (past + frames))  # overlapping pasts must not add work
    segments = segments[torch.randperm(len(segments), device=codes.device)[:count]]
    likely = 1 / torch.arange(4.0, 4.0 + codes.shape[1])
    only = torch.multinomial(likely, min(stages, codes.shape[1])).tolist()
    estimator = Estimator(training=True)
    shape = (len(segments), max(only) + 1, frames)
    prior.code(estimator, segments[..., past:], shape, segments[..., :past], only)
    return torch.as_tensor(estimator.bits).sum() / (len(segments) * len(only) * frames)


@torch.no_grad()
def initialise(prior: Prior, codes: Tensor, codebooks: Tensor | None = None) -> None:
    """Start from the frequencies of codes, int64 [B, S, T], and from their vectors, [S, codes, D], which add up to the
    latents: a code's vector in the prior is its codebook's in the directions in which latents change slowest, and
    contexts begin as the sum of these.
    """
    config = prior.config
    for number, stage in enumerate(prior.stages):
        counts = torch.bincount(codes[:, number].flatten(), minlength=config.codes).double() + 1
        stage.table.weight[:, -1] = torch.log2(counts / counts.mean())
        torch.nn.init.zeros_(stage.leave.weight)
        torch.nn.init.zeros_(stage.leave.bias)
    if codebooks is None:
        return
    z = sum(F.embedding(codes[:, number], rows) for number, rows in enumerate(codebooks))
    axes = slowest(z, min(config.rank, config.width))
    n = axes.shape[1]
    for stage, rows in zip(prior.stages, codebooks @ axes, strict=True):
        scale, mean = rows.std(0).clamp(min=1e-6), rows.mean(0)
        stage.table.weight[:, :n] = (rows - mean) / scale
        stage.enter.weight[:n] = 0
        stage.enter.weight[:n, :n, 0, 0] = torch.diag(scale)
        stage.enter.weight[n:] *= scale.mean()
        stage.enter.bias[:n] = mean


def slowest(z: Tensor, count: int) -> Tensor:
    """The directions [D, count] in which z [B, T, D] changes least from frame to frame, in units of its deviation there
    (slow feature analysis, Wiskott & Sejnowski 2002).
    """
    values, vectors = torch.linalg.eigh(torch.cov(z.flatten(0, 1).T))
    whiten = vectors / values.clamp(min=1e-6 * values[-1]).sqrt()
    changes = z.diff(dim=1).flatten(0, 1) @ whiten
    return whiten @ torch.linalg.eigh(torch.cov(changes.T))[1][:, :count]
