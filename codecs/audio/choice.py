"""Codes chosen by what they cost as well as by how near they are, as an encoder may.

In a walk of the prior that has no codes, each stage takes the code that is least in

    squared distance from what the stages below left + price * bits

with the price in proportion to what stage `STAGES` takes from the latents: somewhat more than a bit buys there. Stages
above, and steady ones, which this count is without, take the nearest code: there such a price would not pay. So a code
depends on the stages below alone, and a file that is cut is the one that fewer stages would have made.
(Entropy-constrained quantisation: Chou, Lookabaugh & Gray 1989.)
"""

from __future__ import annotations

import torch
from kodek.entropy.exact import LOGIT_BITS
from torch import Tensor

from .prior import PASSES, Prior
from .quantisers import ResidualQuantiser

STAGES = 12  # 6 kbit/s
PRICE = 0.25  # of a bit, in mean squared lengths of the last of these stages' vectors


def choose(prior: Prior, quantiser: ResidualQuantiser, z: Tensor, stages: int, price: float | None = None) -> Tensor:
    """z [B, T, latent] -> codes [B, stages, T], int64, of segments that are coded without a past.

    prior: of exact arithmetic it tells what the decoder's will. price: `PRICE` unless another is given.
    """
    priced = min(stages, quantiser.steady + STAGES)
    shape = z.shape[0], priced, z.shape[1]
    choice = Choice(prior, quantiser, z, PRICE if price is None else price)
    codes = prior.code(choice, None, shape)
    return torch.cat((codes, quantiser.encode(choice.residual, stages, priced)), 1)


class Choice:
    """A `CategoryCoder` that chooses. residual: what the codes so far have left of z [B, T, latent]."""

    def __init__(self, prior: Prior, quantiser: ResidualQuantiser, z: Tensor, price: float) -> None:
        self._quantiser = quantiser
        self.residual = z.clone()
        self._groups = iter(prior.groups(len(quantiser.parts), z.shape[1]))
        last = min(quantiser.steady + STAGES, len(quantiser.parts)) - 1
        self._half_price = 0.5 * price * quantiser.energy(last) / prior.arithmetic.constant(1.0, LOGIT_BITS)

    def code_categories(self, values: Tensor | None, logits: Tensor) -> Tensor:
        stage, first = next(self._groups)
        if stage < self._quantiser.steady:
            return self._quantiser.take(stage, self.residual)
        at = slice(first, None, PASSES)
        return self._quantiser.take(stage, self.residual[:, at], logits.float() * self._half_price)
