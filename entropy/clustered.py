"""Adaptive coding of alphabets above 4096: the cluster first, then the member within it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._rans import AdaptiveModel, Decoder, Encoder, StreamError


class ClusteredModel:
    """Adaptive model of symbols 0 .. alphabet - 1 with alphabet <= 65536, in two adaptive steps.

    Symbol s is coded as cluster s // members, then as member s % members with the cluster as context, so that
    neighbouring codebook entries share what is learned about their cluster.

    Raises ValueError for an alphabet outside 1 .. 65536.
    """

    def __init__(self, alphabet: int) -> None:
        if not 1 <= alphabet <= 1 << 16:
            raise ValueError("the alphabet must have 1 to 65536 symbols")
        self.alphabet = alphabet
        self.members = 1 << (math.isqrt(alphabet - 1).bit_length() if alphabet > 1 else 0)
        clusters = -(-alphabet // self.members)
        self._cluster = AdaptiveModel(clusters)
        self._member = AdaptiveModel(self.members, clusters)

    def push(self, encoder: Encoder, symbols: NDArray[np.uint16]) -> None:
        """Encode symbols (uint16[n]). Raises ValueError if one is outside the alphabet."""
        if symbols.size and int(symbols.max()) >= self.alphabet:
            raise ValueError("a symbol is outside the model's alphabet")
        cluster = symbols // np.uint16(self.members)
        encoder.push_adaptive(cluster, self._cluster)
        encoder.push_adaptive(symbols % np.uint16(self.members), self._member, cluster)

    def pop(self, decoder: Decoder, n: int) -> NDArray[np.uint16]:
        """Decode n symbols, uint16[n]. Raises StreamError on a damaged stream."""
        cluster = decoder.pop_adaptive(n, self._cluster).astype(np.uint16)
        member = decoder.pop_adaptive(n, self._member, cluster).astype(np.uint16)
        symbols = cluster * np.uint16(self.members) + member
        if n and int(symbols.max()) >= self.alphabet:
            raise StreamError("a symbol is outside the model's alphabet")
        return symbols
