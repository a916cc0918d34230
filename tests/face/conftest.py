"""A tiny model, pictures for it, and the command line as a function."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs import zoo
from PIL import Image
from safetensors.numpy import save_file

from kodek import api, cli

from ..codecs.toy_audio import ToyCodec


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str


Kodek = Callable[..., Result]
Toy = ToyCodec


@pytest.fixture(scope="session")
def models() -> Path:
    """A folder that holds the model tiny-fixture and no other."""
    return Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True)
def only_this_model(models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zoo, "SHIPPED", models)
    monkeypatch.setenv("KODEK_MODELS", str(models))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("KODEK_DEBUG", raising=False)


@pytest.fixture
def kodek(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Kodek:
    """``kodek("encode", path, stdin=b"")`` -> exit code, bytes of stdout, text of stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Result(code, out, err.decode())

    return run


def pixels(height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    """A soft pattern with some noise, full range."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (5 + c)) + np.cos(y / (7 + c)) for c in range(channels)]
    noise = np.random.default_rng(1).normal(0, 0.2, (height, width, channels))
    samples = np.clip((np.stack(waves, -1) + noise + 2) / 4, 0, 1)
    return np.rint(samples * np.iinfo(dtype).max).astype(dtype)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An RGB picture of 70 x 50."""
    path = tmp_path / "photo.png"
    Image.fromarray(pixels(50, 70)).save(path)
    return path


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ToyCodec:
    """The codec of sound that the only weights of such stand for."""
    from kodek.codecs.audio import file

    codec = ToyCodec()
    metadata = {"codec": "audio-toy", "name": codec.name, "generation": codec.generation.hex(), "version": "1"}
    folder = tmp_path / "data" / "kodek" / "models" / codec.name
    folder.mkdir(parents=True)
    save_file({"nothing": np.zeros(1)}, folder / "weights.safetensors", metadata)
    monkeypatch.setitem(api.DEFAULT_CODECS, "audio", "audio-toy")
    monkeypatch.setattr(file, "load_codec", lambda path, device: codec)
    return codec


@pytest.fixture
def coded(photo: Path, kodek: Kodek) -> Path:
    """`photo` as a .kdk file."""
    path = photo.with_suffix(".kdk")
    assert kodek("encode", photo).code == 0
    return path
