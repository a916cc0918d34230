"""The model's own estimate of a file's length."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from kodek.codecs.image.file import encode_image, load_codec
from kodek.datasets import MediaError
from kodek.entropy import StreamError
from kodek.entropy.coder import SymbolDecoder, gaussian_bits
from kodek.eval.bench import estimate
from kodek.eval.bench.estimate import estimated_bytes, within_bar
from PIL import Image
from torch import Tensor

from .conftest import TINY, pixels


@pytest.mark.parametrize("size", [(80, 96), (17, 5)])
def test_close_to_the_file(size: tuple[int, int]) -> None:
    codec = load_codec(str(TINY / "weights.safetensors"), "cpu")
    data = encode_image(codec, pixels(*size), quality=100)
    length = estimated_bytes(codec, data)
    assert length < len(data) and within_bar(len(data), length)


def test_scales_are_not_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate differs from the one at the tables' scales, a little: rounding costs a part in a thousand or so."""
    codec = load_codec(str(TINY / "weights.safetensors"), "cpu")
    data = encode_image(codec, pixels(), quality=100)
    fractions: list[Tensor] = []

    class AtTables(estimate.EstimatingDecoder):
        def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
            fractions.append((index - index.round()).abs().max())
            return super().code(values, mean, torch.floor(index + 0.5))

    exact = estimated_bytes(codec, data)
    monkeypatch.setattr(estimate, "EstimatingDecoder", AtTables)
    tabulated = estimated_bytes(codec, data)
    assert max(fractions) > 0.25
    assert exact != tabulated and exact == pytest.approx(tabulated, rel=0.01)


def test_counts_the_symbols_of_the_file() -> None:
    """Bits by hand for one group of symbols."""
    from kodek.entropy.coder import SCALES, SymbolEncoder
    from kodek.entropy.tables import gaussian_tables

    tables = gaussian_tables(SCALES, 16)
    index = torch.tensor([[12.3, 40.6, 0.0]], dtype=torch.float64)
    mean = torch.tensor([[0.0, 5.0, -16.0]], dtype=torch.float64)
    encoder = SymbolEncoder(tables, 0)
    encoder.code(torch.tensor([[1.0, 2.4, -1.0]]), mean, torch.floor(index + 0.5))
    payload = encoder.finish()
    decoder = estimate.EstimatingDecoder(payload, tables, 0)
    assert torch.equal(
        decoder.code(None, mean, index), SymbolDecoder(payload, tables, 0).code(None, mean, index.round())
    )
    expected = gaussian_bits(torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64), index[0]).sum()
    assert decoder.bits == pytest.approx(float(expected))


def test_damage_and_other_kinds_of_pictures() -> None:
    codec = load_codec(str(TINY / "weights.safetensors"), "cpu")
    data = bytearray(encode_image(codec, pixels(), quality=100))
    data[len(data) // 2] ^= 1
    with pytest.raises((ValueError, StreamError)):
        estimated_bytes(codec, bytes(data))
    with pytest.raises(ValueError, match="without alpha"):
        estimated_bytes(codec, encode_image(codec, pixels(), alpha=np.zeros((80, 96), np.uint8)))


def test_bar() -> None:
    assert within_bar(10_164, 10_000) and within_bar(9_836, 10_000)
    assert not within_bar(10_165, 10_000) and not within_bar(9_835, 10_000)


def test_run_over_pictures_of_every_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.zeros((8, 9), np.uint16)
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(np.dstack([pixels(), grey.view(np.uint8).repeat(100)[: 80 * 96].reshape(80, 96)])).save(
        folder / "alpha.png"
    )
    Image.fromarray(pixels()).convert("CMYK").save(folder / "ink.tif")
    (folder / "broken.png").write_bytes(b"no picture")
    steps: list[tuple[int, int, str]] = []
    result = estimate.run(str(folder), str(TINY), (0, 100), lambda *step: steps.append(step))
    assert result == json.loads(json.dumps(result)) and result["passed"]
    names = [Path(file["file"]).name for file in result["files"]]
    assert names == ["a.png", "a.png", "alpha.png", "alpha.png", "grey.png", "grey.png", "b.png", "b.png"]
    assert [file["quality"] for file in result["files"]] == [0, 100] * 4
    small, large = result["files"][:2]
    assert small["bytes"] < large["bytes"] and small["estimate"] < large["estimate"] and large["within"]
    assert len(result["left_out"]) == 2 and "broken.png" in result["left_out"][0] and "CMYK" in result["left_out"][1]
    assert len(steps) == 8 and {total for _, total, _ in steps} == {12}
    assert "8 of 8 files of tiny-fixture within 1 % + 64 bytes" in estimate.report(result)
    monkeypatch.setattr(estimate, "estimated_bytes", lambda codec, data: len(data) / 2 - 32)
    result = estimate.run(str(folder / "a.png"), str(TINY), (100,))
    assert not result["passed"] and "a.png at 100: " in estimate.report(result)


def test_nothing_measured_is_no_success(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    result = estimate.run(str(folder / "broken.png"), str(TINY), (0,))
    assert not result["passed"] and not result["files"] and "0 of 0 files" in estimate.report(result)
    with pytest.raises(MediaError):
        estimate.run(str(folder / "nowhere"), str(TINY), (0,))
