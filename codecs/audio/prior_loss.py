"""Training the context model: what codes cost under it, in segments as files and live streams cut them."""

from __future__ import annotations

import random

import torch
from kodek.entropy.coder import Estimator
from torch import Tensor

from .prior import Prior
from .quantisers import SEGMENT

LIVE_FRAMES = 2  # of a segment
STAGES = 8  # that a loss codes, which bounds its work


def prior_loss(prior: Prior, codes: Tensor, stages: int = STAGES) -> Tensor:
    """Mean bits a code of up to `stages` random stages, the lower the likelier, in segments of random length.

    prior: of float arithmetic; codes: int64 [B, S, T] of B sounds. Half of the losses cut them as a file does, without
    a past; the others into segments of 2 to 50 frames with up to `config.past` frames before them.
    """
    frames, past = min(SEGMENT, codes.shape[2]), 0
    if prior.config.steady:  # which live segments and their past have in common
        codes = codes.unfold(2, frames, frames).permute(0, 2, 1, 3).flatten(0, 1)
    if random.random() < 0.5:
        frames = min(frames, round(LIVE_FRAMES * (SEGMENT / LIVE_FRAMES) ** random.random()))
        past = min(codes.shape[2] - frames, random.choice((random.randrange(prior.config.past), prior.config.past)))
    segments = codes.unfold(2, past + frames, frames).permute(0, 2, 1, 3).flatten(0, 1)
    count = max(1, codes.shape[0] * codes.shape[2] // (past + frames))  # overlapping pasts must not add work
    segments = segments[torch.randperm(len(segments), device=codes.device)[:count]]
    steady = min(prior.config.steady, codes.shape[1])
    likely = 1 / torch.arange(4.0, 4.0 + codes.shape[1] - steady)
    likely = torch.cat((torch.full((steady,), 1 / SEGMENT), likely))  # they have so many codes
    only = torch.multinomial(likely, min(stages, codes.shape[1])).tolist()
    estimator = Estimator(training=True)
    shape = (len(segments), max(only) + 1, frames)
    prior.code(estimator, segments[..., past:], shape, segments[..., :past], only)
    held = sum(stage < steady for stage in only)
    count = (len(only) - held) * frames + (held if past == 0 else 0)
    return torch.as_tensor(estimator.bits).sum() / (len(segments) * count)
