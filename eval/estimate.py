"""The length that a model says a file should have, to check the coder and its tables against.

The payloads are decoded once more by the model's own prior, whose scales are this time not rounded to the nearest
table: the estimate is the sum of -log2 of the probability of each decoded symbol's bin under the Gaussian of that
scale, centred at the mean that the decoder uses (a multiple of 1/16). No tables, no coder, no container.
"""

from __future__ import annotations

import torch
from kodek.codecs.container import ChunkKind, Limits, read
from kodek.codecs.errors import MismatchError
from kodek.codecs.image.codec import ImageCodec, tiles
from kodek.codecs.image.hyperprior import STRIDE, Prior
from kodek.entropy.coder import LATENT_UNIT, SymbolDecoder, gaussian_bits
from kodek.entropy.exact import ACTIVATION_BITS, ACTIVATION_LIMIT, Exact
from torch import Tensor

TOLERANCE = 0.01  # of the estimate
ALLOWANCE = 64  # bytes


class Untabulated(Exact):
    """Exact arithmetic that leaves table indexes unrounded.

    They are the only plain numbers in a prior, hence the only results that are rescaled from activations to units.
    """

    def rescale(self, x: Tensor, bits: int, limit: int = ACTIVATION_LIMIT) -> Tensor:
        return x * 2.0**-bits if bits == ACTIVATION_BITS else super().rescale(x, bits, limit)


class EstimatingDecoder(SymbolDecoder):
    """Decodes with rounded table indexes, and counts the bits of each symbol at the unrounded ones."""

    bits = 0.0

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        y_hat = super().code(values, mean, torch.floor(index + 0.5))
        self.bits += float(gaussian_bits((y_hat - mean) / LATENT_UNIT, index).sum())
        return y_hat


@torch.inference_mode()
def estimated_bytes(codec: ImageCodec, data: bytes) -> float:
    """The model's estimate for the payloads of a `.kdk` file of a grey or RGB picture without alpha.

    Raises CodecError or StreamError for a damaged file, ValueError for other pictures.
    """
    header, chunks = read(data, Limits())
    if {chunk.kind for chunk in chunks} & {ChunkKind.PAYLOAD_K, ChunkKind.ALPHA}:
        raise ValueError("only grey and RGB pictures without alpha have an estimate")
    prior = Prior(codec.config, Untabulated())
    prior.load_state_dict(codec.prior.state_dict())
    prior.eval().requires_grad_(False).to(codec.device)
    payloads = [chunk.data for chunk in chunks if chunk.kind == ChunkKind.PAYLOAD]
    areas = tiles((-(-header.height // STRIDE), -(-header.width // STRIDE)))
    bits, running = 0.0, header.seed
    for area, payload in zip(areas, payloads, strict=True):
        coder = EstimatingDecoder(payload, codec.tables[header.profile], header.profile, running)
        size = area[0].stop - area[0].start, area[1].stop - area[1].start
        prior.code(coder, header.position, size, None, None)
        coder.finish()
        bits, running = bits + coder.bits, coder.hash
    if running != header.symbol_hash:
        raise MismatchError("The estimate was made for other symbols than those in the file.")
    return bits / 8


def within_bar(length: int, estimate: float) -> bool:
    """Whether a file is within 1 % + 64 bytes of its estimate."""
    return abs(length - estimate) <= TOLERANCE * estimate + ALLOWANCE
