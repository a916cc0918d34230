import numpy as np
import pytest
from kodek.entropy import PROFILES, Tables, gaussian_tables

SCALES = np.array([0.11, 0.4, 1.0, 3.0, 9.0, 40.0, 300.0])  # the last two send raw low bits


@pytest.fixture(scope="session")
def gaussians() -> list[Tables]:
    """Gaussian tables of each profile's own precision."""
    return [gaussian_tables(SCALES, profile.table_bits) for profile in PROFILES]


@pytest.fixture(scope="session")
def latents() -> tuple[np.ndarray, np.ndarray]:
    """Symbols int16[40000] with their table indexes uint8[40000], escapes among them."""
    rng = np.random.default_rng(3)
    index = rng.integers(0, len(SCALES), 40_000).astype(np.uint8)
    symbols = np.rint(rng.normal(0.0, SCALES[index])).astype(np.int16)
    symbols[::997] = rng.integers(-32768, 32768, symbols[::997].size).astype(np.int16)
    return symbols, index
