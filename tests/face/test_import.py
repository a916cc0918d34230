"""`kodek import-compressai` and what encode says to an imported model."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from .conftest import Kodek


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    if find_spec("compressai") is None:
        pytest.skip("CompressAI is not installed")
    from kodek.datasets.compat import install
    from kodek.eval.bench.networks import network

    install()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    torch.save(network("mbt2018-mean", (4, 6), pixels).state_dict(), tmp_path / "mbt2018-mean-1.pth.tar")
    return tmp_path / "mbt2018-mean-1.pth.tar"


def test_import_encode_decode(kodek: Kodek, checkpoint: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoint.parent / "models" / "mine"
    command = ("import-compressai", checkpoint, "--arch", "mbt2018-mean", "--out", folder)
    result = kodek(*command)
    assert result.code == 0 and b"# mbt2018-mean-1" in result.out and not result.err
    result = kodek(*command)
    assert result.code == 6 and "exists already" in result.err
    coded, decoded = checkpoint.parent / "photo.kdk", checkpoint.parent / "decoded.png"
    for option in (("-q", "70"), ("--target-size", "3KB")):
        result = kodek("encode", photo, coded, "--model", folder, *option)
        assert result.code == 2 and "one rate" in result.err and not coded.exists()
    assert kodek("encode", photo, coded, "--model", folder).code == 0
    monkeypatch.setenv("KODEK_MODELS", str(folder.parent))
    assert kodek("verify", coded).code == 0
    assert kodek("decode", coded, decoded).code == 0 and decoded.exists()


def test_refused_in_a_sentence(kodek: Kodek, tmp_path: Path) -> None:
    text = tmp_path / "text.pth"
    text.write_text("no checkpoint")
    for name, arch, code in ((text, "mbt2018", 3), (tmp_path / "missing", "mbt2018", 3), (text, "mlic", 2)):
        result = kodek("import-compressai", name, "--arch", arch, "--out", tmp_path / "out")
        assert result.code == code and result.err.startswith("kodek: ") and result.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
