"""Tables of learned distributions, and coders that take more than 256 tables and finer means."""

import numpy as np
import pytest
import torch
from kodek.entropy import TableError, cut_tables, gaussian_tables, join_tables, pmf_tables
from kodek.entropy.coder import SymbolDecoder, SymbolEncoder


def laplace(scale: float, reach: int = 500) -> np.ndarray:
    p = np.exp(-np.abs(np.arange(-reach, reach + 1)) / scale)
    return p / p.sum()


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_cutting_costs_next_to_nothing(bits: int) -> None:
    pmf = laplace(3.0)
    tables = cut_tables([pmf], [-500], bits)
    assert 20 < tables.sizes[0] < 120 and tables.escape
    random = np.random.default_rng(0)
    symbols = random.choice(np.arange(-500, 501), 20000, p=pmf).astype(np.int16)
    ideal = -np.log2(pmf[symbols + 500]).sum()
    assert tables.cost(symbols, np.zeros(20000, np.uint8)) < 1.01 * ideal
    whole = pmf_tables([pmf], [-500], bits, escape=True)
    assert tables.cost(symbols, np.zeros(20000, np.uint8)) < whole.cost(symbols, np.zeros(20000, np.uint8))


def test_joined_tables_keep_their_numbers() -> None:
    first, second = gaussian_tables([0.5, 30.0], 14), cut_tables([laplace(2.0)], [-500], 14)
    joined = join_tables(first, second)
    symbols = np.arange(-40, 41, dtype=np.int16)
    for number, (tables, own) in enumerate(((first, 0), (first, 1), (second, 0))):
        index = np.full(symbols.size, number, np.uint8)
        assert joined.cost(symbols, index) == tables.cost(symbols, np.full(symbols.size, own, np.uint8))
    with pytest.raises(TableError):
        join_tables(first, cut_tables([laplace(2.0)], [-500], 12))


def test_a_pmf_too_wide_for_its_counts_is_refused() -> None:
    with pytest.raises(TableError):
        cut_tables([np.full(4000, 1 / 4000)], [0], 8)


@pytest.mark.parametrize("count", [200, 300])
def test_coders_with_many_tables_and_fine_means(count: int) -> None:
    tables = cut_tables([laplace(1 + n / 100) for n in range(count)], [-500] * count, 14)
    values = torch.randn(1, count, 3, 5, generator=torch.Generator().manual_seed(0)) * 3
    index = torch.arange(count).double()[None, :, None, None].expand(values.shape)
    mean = torch.full(values.shape, 12345.0, dtype=torch.float64)
    encoder = SymbolEncoder(tables, 1, bits=15)
    coded = encoder.code(values, mean, index)
    assert (coded / 2**15 - values).abs().max() <= 0.5 + 1e-6
    decoder = SymbolDecoder(encoder.finish(), tables, 1, bits=15)
    assert torch.equal(decoder.code(None, mean, index), coded)
    decoder.finish()
    assert decoder.hash == encoder.hash
