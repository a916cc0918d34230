"""The search for the quality byte that meets a target, on curves of every kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kodek.codecs.errors import TargetError
from kodek.codecs.image.target import PSNR_AT_0, PSNR_SLOPE, Target, psnr
from kodek.codecs.target import (
    POSITIONS,
    PSNR_EXCESS,
    SIZE_SHARE,
    largest_within,
    search,
    smallest_reaching,
)


class Codec:
    """Files of given sizes and PSNRs by position; counts what is asked for."""

    def __init__(self, sizes: np.ndarray, decibels: np.ndarray | None = None) -> None:
        self.sizes, self.decibels = sizes.astype(int), decibels
        self.asked: list[int] = []

    def encode(self, position: int) -> bytes:
        assert 0 <= position < POSITIONS
        self.asked.append(position)
        return position.to_bytes(1) * self.sizes[position]

    def psnr(self) -> float:
        assert self.decibels is not None
        return float(self.decibels[self.asked[-1]])


def photo(first: float, slope: float, bend: float, noise: float, seed: int) -> np.ndarray:
    """Sizes as of a photo: nearly exponential in the position."""
    positions = np.arange(POSITIONS)
    random = np.random.default_rng(seed).normal(0, noise, POSITIONS)
    return np.rint(np.exp(math.log(first) + slope * positions - bend * (positions / 255) ** 2 + random))


photos = st.builds(
    photo,
    st.floats(3000, 30000),
    st.floats(0.009, 0.014),
    st.floats(0, 0.5),
    st.floats(0, 0.002),
    st.integers(0, 99),
)
starts = st.floats(-100, 400)


def line(value: float, start: float, slope: float) -> np.ndarray:
    """The curve of that slope on which `value` lies at `start`, so that a search for it begins there."""
    return value + slope * (np.arange(POSITIONS) - start)


def sizes_from(limit: int, start: float) -> np.ndarray:
    return np.exp(line(math.log(limit), start, 0.0105))


@given(photos, st.floats(0.02, 0.98), starts)
def test_photos_fill_the_size_with_few_encodes(sizes: np.ndarray, share: float, start: float) -> None:
    low, high = math.log(sizes.min()) + 0.03, math.log(sizes.max()) - 0.01
    limit = round(math.exp(low + share * (high - low)))
    codec = Codec(sizes)
    found = largest_within(codec.encode, limit, sizes_from(limit, start))
    assert SIZE_SHARE * limit <= len(found.data) == found.value <= limit
    assert found.data[0] == found.position and not found.beyond
    assert found.encodes == len(codec.asked) == len(set(codec.asked)) <= 7


def test_typical_expectations_take_two_encodes() -> None:
    """Off by up to 20 %, with a slope that is up to 15 % too steep or too flat."""
    counts = []
    for seed, first in enumerate(np.geomspace(5000, 15000, 40)):
        sizes = photo(first, 0.0115, 0.25, 0.001, seed)
        slope, error = 1 + 0.15 * math.sin(seed), 0.2 * math.cos(5 * seed)
        for limit in (20_000, 50_000):
            expected = np.exp(math.log(limit) + slope * (np.log(sizes) - math.log(limit)) + error)
            counts.append(largest_within(Codec(sizes).encode, limit, np.sort(expected)).encodes)
    assert np.mean(counts) < 2.5 and max(counts) <= 3


@given(st.lists(st.integers(1, 100_000), min_size=POSITIONS, max_size=POSITIONS), st.integers(1, 100_000), starts)
def test_any_rising_curve(sizes: list[int], limit: int, start: float) -> None:
    codec = Codec(np.sort(sizes))
    try:
        found = largest_within(codec.encode, limit, sizes_from(limit, start))
    except TargetError as error:
        assert codec.sizes[0] > limit
        assert f"{codec.sizes[0]} bytes to {codec.sizes[-1]} bytes" in str(error)
    else:
        assert len(found.data) <= limit
        largest = codec.sizes[codec.sizes <= limit].max()
        assert len(found.data) == largest or len(found.data) >= SIZE_SHARE * limit
        assert found.beyond == (largest == codec.sizes[-1] and largest < SIZE_SHARE * limit)
    assert len(codec.asked) == len(set(codec.asked)) <= 17


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=POSITIONS, max_size=POSITIONS),
    st.floats(-1e6, 1e6),
    starts,
    st.floats(0, 1),
)
def test_search_ends_on_any_values(values: list[float], low: float, start: float, slope: float) -> None:
    seen = search(lambda position: values[position], low, low + 0.05, line(low, start, slope))
    assert 1 <= len(seen) <= 16 and all(seen[position] == values[position] for position in seen)


@given(st.floats(22, 32), st.floats(0.03, 0.06), st.floats(0, 0.004), st.integers(0, 99), st.floats(0.01, 0.99), starts)
def test_psnr(first: float, slope: float, noise: float, seed: int, share: float, start: float) -> None:
    decibels = first + slope * np.arange(POSITIONS) + np.random.default_rng(seed).normal(0, noise, POSITIONS)
    codec = Codec(np.arange(1000, 1000 + POSITIONS), decibels)
    goal = first + share * slope * 255
    found = smallest_reaching(codec.encode, codec.psnr, goal, line(goal, start, PSNR_SLOPE))
    assert goal <= found.value <= goal + max(PSNR_EXCESS, slope + 8 * noise)
    assert found.value == decibels[found.position] and found.encodes == len(codec.asked) <= 8 and not found.beyond


def test_out_of_reach() -> None:
    sizes, decibels = np.arange(1000, 1000 + POSITIONS), line(PSNR_AT_0, 0, PSNR_SLOPE)
    codec = Codec(sizes, decibels + 2)
    with pytest.raises(TargetError, match=r"of 999 B can't be met: files have 1000 B to 1255 B\.$"):
        largest_within(codec.encode, 999, sizes, "{} B".format)
    best = largest_within(codec.encode, 5000, sizes)
    assert (best.position, best.value, best.beyond) == (255, 1255, True)
    with pytest.raises(TargetError, match=r"of 45 dB can't be met: files have 30\.00 to 41\.48 dB\.$"):
        smallest_reaching(codec.encode, codec.psnr, 45, decibels)
    smallest = smallest_reaching(codec.encode, codec.psnr, 20, decibels)
    assert (smallest.position, smallest.value, smallest.beyond) == (0, 30, True)


def test_a_picture_without_error_reaches_any_psnr() -> None:
    codec = Codec(np.full(POSITIONS, 50), np.full(POSITIONS, math.inf))
    found = smallest_reaching(codec.encode, codec.psnr, 60, line(28, 0, PSNR_SLOPE))
    assert (found.position, found.value, found.beyond) == (0, math.inf, True)


def test_a_codec_of_one_quality() -> None:
    codec = Codec(np.full(POSITIONS, 500))
    assert largest_within(codec.encode, 505, codec.sizes).encodes == 1
    with pytest.raises(TargetError, match="500 bytes to 500 bytes"):
        largest_within(codec.encode, 499, codec.sizes)


@pytest.mark.parametrize("values", [{}, {"size": 5, "bpp": 1}, {"bpp": 0}, {"psnr": -1}, {"size": math.nan}])
def test_a_target_is_one_positive_number(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="target"):
        Target(**values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_psnr_of_pixels(dtype: type[np.integer]) -> None:
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 256, (600, 7, 3)).astype(dtype) for _ in range(2))
    mse = np.mean((a.astype(float) - b) ** 2)
    assert psnr(a, b) == pytest.approx(10 * math.log10(np.iinfo(a.dtype).max ** 2 / mse))
    assert psnr(a, a) == math.inf
