"""Symbols <-> bytes: interleaved rANS with integer tables. Needs NumPy only; knows no media and no networks.

    tables = gaussian_tables(scales, bits=14)         # once, at export
    encoder = Encoder(profile=1)
    encoder.push(symbols, index, tables)              # int16[n], uint8[n] or uint16[n]
    payload = encoder.finish()

    decoder = Decoder(payload, profile=1)
    symbols = decoder.pop(index, tables)
    decoder.finish()                                  # StreamError unless everything was used up

`docs/entropy-coder.md` specifies the payload.
"""

from ._rans import (
    PROFILES,
    AdaptiveModel,
    Decoder,
    Encoder,
    Profile,
    Tables,
    crc32c,
    symbol_hash,
)
from .clustered import ClusteredModel
from .errors import StreamError, TableError
from .tables import cut_tables, from_arrays, gaussian_tables, join_tables, pmf_tables, quantise_pmf, to_arrays

__all__ = [
    "PROFILES",
    "AdaptiveModel",
    "ClusteredModel",
    "Decoder",
    "Encoder",
    "Profile",
    "StreamError",
    "TableError",
    "Tables",
    "crc32c",
    "cut_tables",
    "from_arrays",
    "gaussian_tables",
    "join_tables",
    "pmf_tables",
    "quantise_pmf",
    "symbol_hash",
    "to_arrays",
]
