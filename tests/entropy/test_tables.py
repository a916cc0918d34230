"""Tables: validation, quantisation of probabilities, storage."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kodek.entropy import (
    TableError,
    Tables,
    from_arrays,
    gaussian_tables,
    pmf_tables,
    quantise_pmf,
    to_arrays,
)

GOOD = {"freqs": [4, 12, 8, 8], "sizes": [2, 2], "offsets": [0, -1], "shifts": [0, 1], "bits": 4}


def make(escape: bool = True, **changes) -> Tables:
    fields = GOOD | changes
    return Tables(
        np.array(fields["freqs"], np.uint32),
        np.array(fields["sizes"], np.int32),
        np.array(fields["offsets"], np.int32),
        np.array(fields["shifts"], np.uint8),
        fields["bits"],
        escape,
    )


def test_properties_return_what_defined_the_tables() -> None:
    tables = make()
    assert (tables.bits, tables.count, tables.escape) == (4, 2, True)
    for name in ("freqs", "sizes", "offsets", "shifts"):
        assert getattr(tables, name).tolist() == GOOD[name]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"freqs": [4, 11, 8, 8]}, "sum"),
        ({"freqs": [4, 13, 8, 8]}, "sum"),
        ({"freqs": [16, 0, 8, 8]}, "positive"),
        ({"freqs": [4, 12, 8]}, "shorter"),
        ({"freqs": [4, 12, 8, 8, 16]}, "longer"),
        ({"freqs": [2**32 - 1, 17, 8, 8]}, "sum"),
        ({"sizes": [1, 3]}, "alphabet"),
        ({"sizes": [-1, 5]}, "alphabet"),
        ({"sizes": []}, "1 to 4096"),
        ({"offsets": [0]}, "one value per table"),
        ({"offsets": [32768, 0]}, "16-bit"),
        ({"offsets": [-32769, 0]}, "16-bit"),
        ({"offsets": [0, 16384]}, "16-bit"),  # its shift is 1
        ({"shifts": [0, 16]}, "shift"),
        ({"bits": 0}, "bits"),
        ({"bits": 17}, "bits"),
    ],
)
def test_bad_tables_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(TableError, match=words):
        make(**changes)


def test_limits_on_number_and_alphabet() -> None:
    make(escape=False, freqs=[1] * 4096, sizes=[4096], offsets=[0], shifts=[0], bits=12)
    with pytest.raises(TableError, match="alphabet"):
        make(escape=False, freqs=[1] * 8192, sizes=[8192], offsets=[0], shifts=[0], bits=13)
    with pytest.raises(TableError, match="1 to 4096"):
        make(escape=False, freqs=[2] * 4097, sizes=[1] * 4097, offsets=[0] * 4097, shifts=[0] * 4097, bits=1)


def test_the_hash_names_the_content() -> None:
    # Frozen: the hash must be the same on every machine and in every version.
    assert make().hash.hex() == "479a836bb5637aa3"
    others = [
        make(escape=False),
        make(freqs=[5, 11, 8, 8]),
        make(offsets=[1, -1]),
        make(shifts=[0, 2]),
        make(freqs=[8, 24, 16, 16], bits=5),
    ]
    assert len({tables.hash for tables in [make(), *others]}) == 6


def test_storage_round_trip() -> None:
    for tables in (make(), make(escape=False), gaussian_tables([0.3, 100.0], 14)):
        assert from_arrays(to_arrays(tables)).hash == tables.hash
        assert pickle.loads(pickle.dumps(tables)).hash == tables.hash
    certain = pmf_tables([[1.0]], [7], bits=16, escape=False)  # a frequency of 2^16
    assert from_arrays(to_arrays(certain)).hash == certain.hash


def test_incomplete_storage_is_refused() -> None:
    arrays = to_arrays(make())
    for name in arrays:
        with pytest.raises(TableError):
            from_arrays({key: value for key, value in arrays.items() if key != name})
    with pytest.raises(TableError):
        from_arrays(arrays | {"sizes": arrays["sizes"].astype(np.int64)})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60).filter(lambda p: sum(p) > 0), st.integers(6, 16))
def test_quantised_pmfs_are_valid_and_locally_optimal(weights: list[float], bits: int) -> None:
    freqs = quantise_pmf(weights, bits).astype(int)
    assert freqs.min() >= 1 and freqs.sum() == 2**bits
    p = np.array(weights) / sum(weights)
    gain = p * np.log((freqs + 1) / freqs)
    loss = np.where(freqs > 1, -p * np.log(np.maximum(freqs - 1, 1) / freqs), np.inf)
    loss = np.where((freqs > 1) & (p == 0), 0.0, loss)
    for i in np.flatnonzero(np.isfinite(loss)):
        others = np.delete(gain, i)
        assert others.size == 0 or others.max() <= loss[i] + 1e-12


@pytest.mark.parametrize("weights", [[], [-1.0, 2.0], [math.nan], [math.inf], [0.0, 0.0], [[1.0]], [1.0] * 300])
def test_bad_pmfs_are_refused(weights: list) -> None:
    with pytest.raises(TableError):
        quantise_pmf(weights, 8)


@pytest.mark.parametrize(("bits", "bound"), [(12, 0.004), (14, 0.0015), (16, 0.0006)])
def test_gaussian_tables_lose_little(bits: int, bound: float) -> None:
    rng = np.random.default_rng(0)
    for scale in (0.5, 1.0, 4.0, 12.0, 30.0, 200.0, 512.0):
        tables = gaussian_tables([scale], bits)
        assert tables.sizes.max() <= 180
        symbols = np.clip(np.rint(rng.normal(0.0, scale, 20_000)), -32768, 32767).astype(np.int16)
        ideal = sum(-math.log2(_bin_mass(int(s), scale)) for s in symbols)
        loss = tables.cost(symbols, np.zeros(symbols.size, np.uint8)) / ideal - 1
        assert loss <= bound + 0.001 * (scale > 8)


def test_gaussian_tables_of_a_given_tail() -> None:
    tables = gaussian_tables([1.0], 14, tail=2.0**-5)
    assert (tables.sizes.tolist(), tables.offsets.tolist()) == ([6], [-2])  # -2 .. 2 and the escape


@pytest.mark.parametrize("scales", [[], [0.0], [-1.0], [513.0], [math.nan], [[1.0]]])
def test_bad_scales_are_refused(scales: list) -> None:
    with pytest.raises(TableError):
        gaussian_tables(scales, 14)


def test_pmf_tables_give_missing_mass_to_the_escape() -> None:
    tables = pmf_tables([[0.25, 0.25], [0.125, 0.75, 0.125]], [-3, 5], bits=4, escape=True)
    assert tables.freqs.tolist() == [4, 4, 8, 2, 11, 2, 1]
    assert pmf_tables([[1.0, 3.0]], [0], bits=4, escape=False).freqs.tolist() == [4, 12]


def _bin_mass(symbol: int, scale: float) -> float:
    low, high = ((abs(symbol) + d) / (scale * math.sqrt(2)) for d in (-0.5, 0.5))
    return 0.5 * (math.erfc(low) - math.erfc(high))
