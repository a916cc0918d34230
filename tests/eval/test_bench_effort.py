"""`kodek bench effort`: its curves and what it saves against effort 0."""

from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.image import refine
from kodek.datasets import Picture, write_picture
from kodek.eval.bench import effort

TINY = Path(__file__).parents[1] / "golden" / "tiny" / "weights.safetensors"


def test_saving_is_against_effort_0(tmp_path, monkeypatch):
    pytest.importorskip("bjontegaard")
    monkeypatch.setattr(refine, "STEPS", (0, 20))
    random = np.random.default_rng(0)
    smooth = np.kron(random.integers(0, 255, (6, 9, 3)), np.ones((16, 16, 1)))
    write_picture(str(tmp_path / "a.png"), Picture(smooth.astype(np.uint8)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    result = effort.run(str(tmp_path), str(TINY), [1], [20, 60, 95], crop=80)
    slow = {file["effort"]: file for file in result["files"]}
    assert list(slow) == [0, 1] and abs(slow[0]["saved"]) < 1e-9 and slow[1]["saved"] < 0
    assert [len(file["curve"]) for file in result["files"]] == [3, 3] and len(result["left_out"]) == 1
    assert "effort 1: -" in effort.report(result)
