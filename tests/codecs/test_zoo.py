"""Finding weights by name, number, generation and path, from the safetensors header alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs import zoo
from kodek.codecs.errors import UnknownModelError, VersionError
from safetensors.numpy import save_file


def put_model(root: Path, name: str, generation: str, codec: str = "image-hyperprior", **more: str) -> Path:
    """A model folder whose weights file is just a header."""
    metadata = {"codec": codec, "name": name, "generation": generation, "version": "1", **more}
    return put_weights(root / name, json.dumps({"__metadata__": metadata}).encode())


def put_weights(folder: Path, header: bytes, size: int | None = None) -> Path:
    folder.mkdir(parents=True)
    path = folder / "weights.safetensors"
    path.write_bytes((len(header) if size is None else size).to_bytes(8, "little") + header)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Three empty places: the shipped zoo, a folder in KODEK_MODELS and the user's data folder."""
    folders = {name: tmp_path / name for name in ("shipped", "named", "home")}
    monkeypatch.setattr(zoo, "SHIPPED", folders["shipped"])
    monkeypatch.setenv("KODEK_MODELS", f"{tmp_path / 'nowhere'}{os.pathsep}{folders['named']}")
    monkeypatch.setattr(zoo, "_data_folder", lambda: folders["home"])
    return folders


def names() -> list[str]:
    return [entry.name for entry in zoo.list_models()]


def test_empty(places: dict[str, Path]) -> None:
    assert zoo.list_models() == []
    with pytest.raises(UnknownModelError, match="image-hyperprior"):
        zoo.newest("image-hyperprior")


def test_order_of_the_search(places: dict[str, Path]) -> None:
    for place, name in (("home", "c"), ("named", "b"), ("shipped", "a")):
        put_model(places[place], name, "00" * 8)
    assert names() == ["a", "b", "c"]
    assert zoo.by_generation(bytes(8)).name == "a"


def test_a_folder_named_twice(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    put_model(places["shipped"], "a", "00" * 8)
    monkeypatch.setenv("KODEK_MODELS", str(places["shipped"] / "a"))
    assert names() == ["a"]


def test_entry(places: dict[str, Path]) -> None:
    path = put_model(places["shipped"], "image-hyperprior-1", "0123456789abcdef", data="some photos")
    (entry,) = zoo.list_models()
    assert (entry.name, entry.codec) == ("image-hyperprior-1", "image-hyperprior")
    assert entry.generation == bytes.fromhex("0123456789abcdef")
    assert entry.path == path
    assert entry.card_path == path.parent / "card.md"
    assert entry.metadata["data"] == "some photos"


def test_newest_counts_numbers_and_prefers_shipped_models(places: dict[str, Path]) -> None:
    put_model(places["home"], "image-hyperprior-11", "11" * 8)
    assert zoo.newest("image-hyperprior").name == "image-hyperprior-11"
    for n in (2, 10, 9):
        put_model(places["shipped"], f"image-hyperprior-{n}", f"{n:016x}")
    put_model(places["shipped"], "video-99", "aa" * 8, codec="video")
    assert zoo.newest("image-hyperprior").name == "image-hyperprior-10"


def test_by_generation(places: dict[str, Path]) -> None:
    put_model(places["shipped"], "image-hyperprior-1", "01" * 8)
    put_model(places["named"], "mine", "02" * 8)
    assert zoo.by_generation(b"\2" * 8).name == "mine"
    with pytest.raises(UnknownModelError, match="0303030303030303"):
        zoo.by_generation(b"\3" * 8)


def test_find(places: dict[str, Path], tmp_path: Path) -> None:
    shipped = put_model(places["shipped"], "image-hyperprior-1", "01" * 8)
    elsewhere = put_model(tmp_path / "elsewhere", "mine", "02" * 8)
    assert zoo.find("image-hyperprior-1").path == shipped
    assert zoo.find("image-hyperprior") == zoo.newest("image-hyperprior")
    assert zoo.find(str(elsewhere)).name == "mine"
    assert zoo.find(elsewhere.parent).name == "mine"
    for missing in ("mine", str(tmp_path), str(tmp_path / "no"), "", "x" * 5000, "nul\0"):
        with pytest.raises(UnknownModelError):
            zoo.find(missing)


def test_a_model_folder_can_be_named_itself(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KODEK_MODELS", str(put_model(tmp_path, "mine", "02" * 8).parent))
    assert names() == ["mine"]


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"", None),
        (b"{}", 2**63),
        (b"{}", 3),
        (b"{}", None),
        (b"[]", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b'{"__metadata__": 1}', None),
        (b'{"__metadata__": {"name": 1}}', None),
        (b'{"__metadata__": {"name": "a"}}', None),
    ],
)
def test_broken_weights(
    places: dict[str, Path], caplog: pytest.LogCaptureFixture, header: bytes, size: int | None
) -> None:
    path = put_weights(places["home"] / "broken", header, size)
    put_model(places["home"], "good", "01" * 8)
    with pytest.raises(UnknownModelError, match=r"weights\.safetensors"):
        zoo.find(path)
    assert names() == ["good"]
    assert "left out" in caplog.text


def test_broken_identities(places: dict[str, Path]) -> None:
    for i, generation in enumerate(("", "0123", "zz" * 8, "0123456789ABCDEF", "01" * 9)):
        with pytest.raises(UnknownModelError, match="16 hex digits"):
            zoo.read_entry(put_model(places["home"], f"model-{i}", generation))


def test_weights_of_a_later_version(places: dict[str, Path]) -> None:
    path = put_model(places["home"], "later", "01" * 8, version="2")
    with pytest.raises(VersionError, match="version 2"):
        zoo.find(path)
    assert names() == []


def test_safetensors_writes_what_the_zoo_reads(places: dict[str, Path]) -> None:
    path = put_model(places["shipped"], "image-hyperprior-1", "01" * 8)
    metadata = {"codec": "image-hyperprior", "name": "of-safetensors", "generation": "02" * 8, "version": "1"}
    save_file({"x": np.zeros((3, 4), np.float32)}, path, metadata=metadata)
    assert names() == ["of-safetensors"]


def test_shipped_models_are_readable() -> None:
    for path in zoo.SHIPPED.glob("*/weights.safetensors"):
        entry = zoo.read_entry(path)
        assert entry.name == path.parent.name
        assert entry.card_path.is_file()
