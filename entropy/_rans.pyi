"""The C++ rANS core. Arrays are one-dimensional NumPy arrays of exactly the dtypes named here; strided ones are
copied. Coding runs without the GIL. Coders are stateful: calls from several threads take turns.

A wrong argument raises ValueError (or TypeError for a wrong dtype), damaged data StreamError, bad tables TableError.
"""

from typing import overload

import numpy as np
from numpy.typing import NDArray

class StreamError(ValueError):
    """The payload is damaged, truncated or does not match the tables and indexes it is decoded with."""

class TableError(ValueError):
    """The integer tables break a rule (sums, sizes, ranges)."""

class Profile:
    """A stream profile: `lanes` interleaved states, `table_bits` the largest precision of tables, `interval_bits`
    that of bare intervals and adaptive models."""

    @property
    def lanes(self) -> int: ...
    @property
    def table_bits(self) -> int: ...
    @property
    def interval_bits(self) -> int: ...

PROFILES: tuple[Profile, Profile, Profile]
"""0: one 64-bit state, smallest overhead, for payloads under some 4096 symbols. 1: the default, four 32-bit states.
2: 32 states, for SIMD on long payloads."""

class Tables:
    """Immutable integer frequency tables.

    Table t codes symbol >> shifts[t]; its entries stand for the values offsets[t], offsets[t] + 1, ...

    Args:
        freqs: uint16 or uint32, all tables one after the other; each table is positive and sums to 2^bits.
        sizes: int32 [T], entries per table (the escape included), T <= 4096, at most 4096 values each.
        offsets: int32 [T], the value of each table's first entry.
        shifts: uint8 [T], 0 to 15 raw low bits, which go to the side buffer.
        bits: precision, 1 to 16.
        escape: the last entry of each table is an escape, so that every 16-bit symbol can be coded.

    Raises TableError if a rule is broken.
    """

    def __init__(
        self,
        freqs: NDArray[np.uint16] | NDArray[np.uint32],
        sizes: NDArray[np.int32],
        offsets: NDArray[np.int32],
        shifts: NDArray[np.uint8],
        bits: int,
        escape: bool,
    ) -> None: ...
    @property
    def bits(self) -> int: ...
    @property
    def count(self) -> int:
        """Number of tables."""
    @property
    def escape(self) -> bool: ...
    @property
    def freqs(self) -> NDArray[np.uint32]: ...
    @property
    def sizes(self) -> NDArray[np.int32]: ...
    @property
    def offsets(self) -> NDArray[np.int32]: ...
    @property
    def shifts(self) -> NDArray[np.uint8]: ...
    @property
    def hash(self) -> bytes:
        """8 bytes that name the content, the same on every machine (BLAKE2b)."""
    def cost(self, symbols: NDArray[np.int16], index: NDArray[np.uint8] | NDArray[np.uint16]) -> float:
        """Ideal length in bits: the sum of -log2(freq / 2^bits), escape codes and raw low bits."""

class Encoder:
    """Buffers pushes; `finish` encodes them in reverse. A push that raises adds nothing."""

    def __init__(self, profile: int) -> None: ...
    def push(self, symbols: NDArray[np.int16], index: NDArray[np.uint8] | NDArray[np.uint16], tables: Tables) -> None:
        """Code symbols[i] with table index[i]; both [n]."""
    @overload
    def push_intervals(self, starts: NDArray[np.uint16], freqs: NDArray[np.uint16], bits: int) -> None: ...
    @overload
    def push_intervals(self, starts: NDArray[np.uint32], freqs: NDArray[np.uint32], bits: int) -> None:
        """The core primitive: intervals [start, start + freq) of 2^bits slots; both [n]."""
    def push_bits(self, values: NDArray[np.uint32], nbits: int) -> None:
        """nbits (0 to 32) raw bits of each value, to the side buffer."""
    def push_adaptive(
        self,
        symbols: NDArray[np.int16] | NDArray[np.uint16],
        model: AdaptiveModel,
        context: NDArray[np.uint16] | None = None,
    ) -> None:
        """Code symbols [n] with the model's counts, which learn from them; context [n] or all zero."""
    def push_weighted(self, symbols: NDArray[np.int16], weights: NDArray[np.uint32]) -> None:
        """Code symbols [n], 0 to K - 1, each as likely as its weight among its row of weights [n, K].

        K is at most 4096. Every symbol keeps a slot; a row must not be all zero. weights: C-contiguous.
        """
    def finish(self) -> bytes:
        """The payload. The encoder is empty afterwards."""

class Decoder:
    """Decodes a payload of `Encoder`. Pops may be cut in any way; each returns finished values.

    Raises StreamError on a damaged payload, at once or at a later pop; a failed decoder refuses to go on.
    `portable` (or KODEK_PORTABLE=1 in the environment) turns SIMD off; the symbols are the same.
    """

    def __init__(self, data: bytes, profile: int, *, portable: bool = False) -> None: ...
    def pop(self, index: NDArray[np.uint8] | NDArray[np.uint16], tables: Tables) -> NDArray[np.int16]:
        """The next symbols, one for each table index [n]."""
    def pop_bits(self, n: int, nbits: int) -> NDArray[np.uint32]: ...
    def pop_adaptive(
        self, n: int, model: AdaptiveModel, context: NDArray[np.uint16] | None = None
    ) -> NDArray[np.int16]: ...
    def pop_weighted(self, weights: NDArray[np.uint32]) -> NDArray[np.int16]:
        """The next symbols, one for each row of weights [n, K], as of `push_weighted`."""
    def peek(self, bits: int) -> int:
        """The slot (0 to 2^bits - 1) of the next symbol, for models outside: find its interval, then `advance`."""
    def advance(self, start: int, freq: int, bits: int) -> None:
        """Consume the symbol whose interval [start, start + freq) holds the slot."""
    def finish(self) -> None:
        """StreamError unless every lane is back in its initial state and both buffers are used up."""

class AdaptiveModel:
    """Adaptive counts of an alphabet (1 to 4096) in a number of contexts; integers only.

    Every count starts at 1; a coded symbol gains `increment`; counts are halved when their sum passes `limit`
    (twice the alphabet to 2^24). The decoder needs a model in the same state as the encoder's was.
    """

    def __init__(self, alphabet: int, contexts: int = 1, *, increment: int = 32, limit: int = 65536) -> None: ...
    @property
    def alphabet(self) -> int: ...
    @property
    def contexts(self) -> int: ...
    def reset(self) -> None: ...

def exp2_weights(logits: NDArray[np.float64], bits: int, table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """2^logits as integer weights, [n, K]; each row up to a factor of its own.

    logits: [n, K], C-contiguous, integers in units of 2^-bits, below 2^30 in value; bits: 9 to 28; table: 2^-(i / 256)
    for each distance i to a row's largest logit, in units of its last entry, which is for all that are farther.
    """

def crc32c(data: bytes, value: int = 0) -> int:
    """CRC-32C (Castagnoli) of data, continuing from `value`."""

def symbol_hash(symbols: NDArray[np.int16], value: int = 0) -> int:
    """Running CRC-32C of the symbols as little-endian 16-bit integers."""
