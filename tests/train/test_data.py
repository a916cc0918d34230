import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kodek.datasets import MediaError
from kodek.datasets.memory_map import group_of
from kodek.datasets.store import CropStore, build_store
from kodek.train import TrainError
from kodek.train.data import hold_out, pictures, prepare
from kodek.train.tasks.image import Crops
from PIL import Image


def test_group_names() -> None:
    assert group_of(Path("a/lake-012.png")) == "lake"
    assert group_of(Path("IMG_0007.JPG")) == "IMG"


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200), st.sets(st.sampled_from("abz")))
def test_held_out_pictures(groups: list[str], named: set[str]) -> None:
    chosen = hold_out(groups, named)
    assert chosen == hold_out(groups, named)
    assert len(chosen) < max(1, len(groups))  # something is left to train on
    present = named & set(groups)
    if present and present != set(groups):
        assert chosen == {i for i, group in enumerate(groups) if group in named}
    elif len(groups) >= 2:
        assert 1 <= len(chosen) <= 40


def test_held_out_sources_are_whole_unless_there_is_only_one() -> None:
    groups = [f"roll{i // 4}" for i in range(200)]
    chosen = hold_out(groups, ["elsewhere"])
    assert 5 <= len(chosen) <= 10
    assert all({j for j in range(200) if groups[j] == groups[i]} <= chosen for i in chosen)
    assert len(hold_out(["IMG"] * 1000, [])) == 40


def test_the_store_is_built_once_and_again_when_a_picture_changes(photos: Path, tmp_path: Path) -> None:
    first = prepare(str(photos), tmp_path, ["lake"], pictures(64))
    assert [path.stem for path in first.held_out] == ["lake-0", "lake-1"]
    stored = first.store.with_suffix(".u8").stat().st_mtime_ns
    again = prepare(str(photos), tmp_path, ["lake"], pictures(64))
    assert again.key == first.key and again.store.with_suffix(".u8").stat().st_mtime_ns == stored
    assert prepare(str(photos), tmp_path, ["tree"], pictures(64)).key != first.key
    tree = photos / "tree-0.png"
    os.utime(tree, ns=(0, tree.stat().st_mtime_ns + 1))
    assert prepare(str(photos), tmp_path, ["lake"], pictures(64)).key != first.key


def test_only_what_can_be_read_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("L", (200, 180), 7).save(folder / "grey-1.png")
    Image.new("RGB", (40, 300)).save(folder / "narrow-1.png")
    (folder / "broken-1.png").write_bytes(b"no picture")
    corpus = prepare(str(folder), tmp_path, ["nothing"], pictures(64))
    store = CropStore(corpus.store, 0)
    assert {name for name, *_ in store.shapes} <= {"grey", "narrow", "broken"}
    if "broken-1" not in [path.stem for path in corpus.held_out]:
        assert "broken-1.png" in corpus.notes[0]


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_no_data(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(TrainError):
        prepare(str(folder), tmp_path, [], pictures(64))
    for i in range(3):
        (folder / f"a{i}.png").write_bytes(content)
    with pytest.raises(TrainError, match="holds no picture of at least 64 x 64 pixels"):
        prepare(str(folder), tmp_path, [], pictures(64))


def test_crops_come_from_their_picture_in_eight_orientations(tmp_path: Path) -> None:
    pixels = np.arange(170 * 200 * 3, dtype=np.uint32).reshape(170, 200, 3).astype(np.uint8)
    path = tmp_path / "ramp-1.png"
    Image.fromarray(pixels).save(path)
    build_store([path], tmp_path / "store")
    store = CropStore(tmp_path / "store", 0)
    offset, h, w, top, left, flips = CropStore(tmp_path / "store", 0).draw(1, 168)[0]
    assert (offset, h, w) == (0, 170, 200)
    crop = store.batch(1, 168)[0].transpose(1, 2, 0)
    crop = crop.transpose(1, 0, 2) if flips & 4 else crop
    crop = crop[:: -1 if flips & 1 else 1, :: -1 if flips & 2 else 1]
    np.testing.assert_array_equal(crop, pixels[top : top + 168, left : left + 168])
    assert {crop.flips for crop in store.draw(200, 64)} == set(range(8))


def test_crops_on_the_device_equal_crops_of_the_map(photos: Path, tmp_path: Path) -> None:
    build_store(sorted(photos.iterdir()), tmp_path / "store")
    mapped, resident = (Crops(CropStore(tmp_path / "store", 3), kept) for kept in (False, True))
    for size in (64, 128):
        assert torch.equal(*(c.batch(8, size, torch.device("cpu")) for c in (mapped, resident)))


def test_no_source_dominates(tmp_path: Path) -> None:
    paths = [tmp_path / f"many-{i}.png" for i in range(16)] + [tmp_path / f"few{c}-1.png" for c in "abcd"]
    for path in paths:
        Image.new("RGB", (160, 160)).save(path)
    build_store(paths, tmp_path / "store")
    store = CropStore(tmp_path / "store", 0)
    names = np.array([name for name, *_ in store.shapes])
    assert store.weights[names == "many"].sum() == pytest.approx(0.2, abs=1e-3)
    assert store.weights.sum() == pytest.approx(1)


def test_a_crop_larger_than_every_picture_is_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (160, 300)).save(tmp_path / "a-1.png")
    build_store([tmp_path / "a-1.png"], tmp_path / "store")
    with pytest.raises(MediaError, match="256 x 256"):
        CropStore(tmp_path / "store", 0).batch(1, 256)
