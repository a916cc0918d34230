"""`kodek decode --region` and `kodek.decode(region=...)`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kodek as package
from kodek.cli.streams import FileBytes

from .conftest import Kodek, pixels


@pytest.fixture
def coded(tmp_path: Path) -> Path:
    path = tmp_path / "photo.kdk"
    path.write_bytes(package.encode(pixels(60, 80, 4)))
    return path


def test_python_and_the_command_agree(kodek: Kodek, coded: Path) -> None:
    whole = package.decode(coded.read_bytes(), "numpy")
    part = package.decode(coded.read_bytes(), "numpy", region=(30, 20, 40, 10))
    assert part.shape == (10, 40, 4)
    assert np.abs(part.astype(int) - whole[20:30, 30:70]).max() <= 1
    for source, stdin in ((coded, b""), ("-", coded.read_bytes())):
        target = coded.with_suffix(".png")
        assert kodek("decode", source, target, "--region", "30,20,40,10", "-f", stdin=stdin).code == 0
        assert np.array_equal(np.asarray(Image.open(target)), part)


@pytest.mark.parametrize("region", ["30,20,51,10", "0,0,0,1", "80,60,1,1", "1,2,3", "1,2,3,-4", "a,b,c,d", "1.5,2,3,4"])
def test_a_wrong_region_is_wrong_usage(kodek: Kodek, coded: Path, region: str) -> None:
    result = kodek("decode", coded, coded.with_suffix(".png"), "--region", region)
    assert result.code == 2 and "region" in result.err and result.err.count("\n") == 1
    assert not coded.with_suffix(".png").exists()


def test_what_is_no_kdk_file_is_told_as_ever(kodek: Kodek, tmp_path: Path) -> None:
    (tmp_path / "empty.kdk").write_bytes(b"")
    assert kodek("decode", tmp_path / "empty.kdk", "--region", "0,0,1,1").code == 4
    assert kodek("decode", tmp_path / "none.kdk", "--region", "0,0,1,1").code == 3


def test_bytes_of_a_file_are_those_of_its_slices(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data := bytes(range(100)))
    with path.open("rb") as file:
        lazy = FileBytes("file", file)
        assert len(lazy) == 100
        for part in (slice(None), slice(5), slice(90, 200), slice(20, 10), slice(-4, None), slice(200, 300)):
            assert lazy[part] == data[part]
