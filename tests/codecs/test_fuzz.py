"""Damaged files, half of them with right checksums, are refused in words; `fuzz_decode.py` runs many more."""

import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(Path(__file__).parent))
from fuzz_decode import fuzz  # noqa: E402


@pytest.mark.parametrize("name", ["rgb", "grey", "cmyk", "one", "sound"])
def test_damage_is_never_decoded_in_silence(name, monkeypatch):
    monkeypatch.setenv("KODEK_MODELS", str(GOLDEN))
    outcomes, _ = fuzz((GOLDEN / f"{name}.kdk").read_bytes(), 200)
    assert not outcomes["SILENT DAMAGE"]
    assert sum(outcomes.values()) == 200 and outcomes["DamagedError"]
