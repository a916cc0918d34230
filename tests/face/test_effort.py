"""``kodek encode --effort``: what is tested here is that it arrives; what it does, in tests/codecs."""

from __future__ import annotations

from pathlib import Path

import pytest
from kodek.codecs.image.refine import STEPS

import kodek as package

from .conftest import Kodek, pixels


def test_effort(photo: Path, coded: Path, kodek: Kodek) -> None:
    result = kodek("encode", photo, "-", "--effort", 1)
    assert (result.code, result.err) == (0, "")
    assert result.out != coded.read_bytes() and package.decode(result.out).size == (70, 50)
    assert result.out == package.encode(pixels(50, 70), effort=1)


def test_effort_and_a_size(photo: Path, coded: Path, kodek: Kodek) -> None:
    size = coded.stat().st_size
    result = kodek("encode", photo, "-", "--effort", 1, "--target-size", size)
    assert result.code == 0 and 0.9 * size <= len(result.out) <= size


@pytest.mark.parametrize("effort", [-1, len(STEPS), "much"])
def test_other_efforts_are_refused(photo: Path, kodek: Kodek, effort: object) -> None:
    result = kodek("encode", photo, "--effort", effort)
    assert result.code == 2 and result.err.count("\n") == 1
    with pytest.raises(ValueError, match="effort"):
        package.encode(pixels(50, 70), effort=effort)  # type: ignore[arg-type]
