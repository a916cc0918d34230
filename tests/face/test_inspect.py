"""``kodek info``, ``verify``, ``models``, ``compare`` and the options without a command."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from kodek.codecs.container import read, write
from PIL import Image

from .conftest import Kodek, pixels


def test_info(coded: Path, kodek: Kodek) -> None:
    facts = json.loads(kodek("info", coded, "--json").out)
    assert (facts["width"], facts["height"], facts["mode"], facts["depth"]) == (70, 50, "RGB", 8)
    assert (facts["quality"], facts["model"], facts["alpha"]) == (50, "tiny-fixture", False)
    assert facts["bytes"] == coded.stat().st_size and list(facts["chunks"]) == ["PAYLOAD"]
    text = kodek("info", coded).out.decode()
    assert "70 x 50 RGB" in text and facts["generation"] in text


@pytest.mark.parametrize("quality", [0, 12.5, 30, 99, 100])
def test_info_tells_the_quality_that_was_asked_for(photo: Path, kodek: Kodek, quality: float) -> None:
    kdk = kodek("encode", photo, "-", "-q", quality).out
    assert abs(json.loads(kodek("info", "-", "--json", stdin=kdk).out)["quality"] - quality) <= 0.2


def test_several_files(coded: Path, photo: Path, kodek: Kodek) -> None:
    result = kodek("info", coded, photo, coded, "--json")
    assert result.code == 4 and len(result.out.splitlines()) == 2
    assert result.err == f"kodek: {photo}: not a .kdk file: it looks like a PNG image.\n"


def test_verify(coded: Path, kodek: Kodek) -> None:
    assert kodek("verify", coded).out == f"{coded}: ok\n".encode()
    assert json.loads(kodek("verify", "-", "--json", stdin=coded.read_bytes()).out)["ok"] is True


def test_verify_sees_other_symbols(coded: Path, kodek: Kodek) -> None:
    header, chunks = read(coded.read_bytes())
    fields = vars(header) | {"symbol_hash": header.symbol_hash ^ 1}
    coded.write_bytes(write(type(header)(**fields), chunks))
    result = kodek("verify", coded)
    assert (result.code, result.out) == (7, b"") and result.err.count("\n") == 1


def test_verify_sees_damage_under_a_right_checksum(coded: Path, kodek: Kodek) -> None:
    header, (payload,) = read(coded.read_bytes())
    damaged = bytearray(payload.data)
    damaged[len(damaged) // 2] ^= 0x10
    coded.write_bytes(write(header, [type(payload)(payload.kind, bytes(damaged))]))
    assert kodek("verify", coded).code in (4, 7)
    assert kodek("decode", coded, coded.with_name("x.png")).code in (4, 7)
    assert not coded.with_name("x.png").exists()


def test_models(models: Path, kodek: Kodek) -> None:
    (row, *_) = json.loads(kodek("models", "--json").out)
    assert (row["name"], row["codec"], row["licence"]) == (
        "tiny-fixture",
        "image-hyperprior",
        "Apache-2.0",
    )
    assert Path(row["path"]).is_file() and len(row["generation"]) == 16
    assert b"Apache-2.0" in kodek("models").out


def test_compare(photo: Path, coded: Path, kodek: Kodek) -> None:
    assert kodek("decode", coded, coded.with_name("back.png")).code == 0
    direct = json.loads(kodek("compare", photo, coded, "--json").out)
    decoded = json.loads(kodek("compare", photo, coded.with_name("back.png"), "--json").out)
    assert direct["psnr"] == decoded["psnr"]
    assert direct["b"]["bytes"] == coded.stat().st_size
    assert kodek("compare", photo, coded, "--min-psnr", direct["psnr"] - 1).code == 0
    assert kodek("compare", photo, coded, "--min-psnr", direct["psnr"] + 1).code == 7


def test_compare_knows_the_answer(tmp_path: Path, kodek: Kodek) -> None:
    a = pixels(200, 180)
    Image.fromarray(a).save(tmp_path / "a.png")
    Image.fromarray(np.where(a < 128, a + 2, a - 2).astype(np.uint8)).save(tmp_path / "b.png")
    facts = json.loads(kodek("compare", tmp_path / "a.png", tmp_path / "b.png", "--json").out)
    assert facts["psnr"] == pytest.approx(10 * np.log10(255**2 / 4), abs=1e-3)
    assert 0.9 < facts["ms_ssim"] < 1
    same = json.loads(kodek("compare", tmp_path / "a.png", tmp_path / "a.png", "--json").out)
    assert same["psnr"] is None and same["ms_ssim"] == 1


def test_compare_needs_equal_shapes(photo: Path, tmp_path: Path, kodek: Kodek) -> None:
    Image.fromarray(pixels(50, 71)).save(tmp_path / "wider.png")
    result = kodek("compare", photo, tmp_path / "wider.png")
    assert result.code == 7 and "71 x 50" in result.err


def test_version_and_help(kodek: Kodek) -> None:
    assert kodek("--version").out.decode() == f"kodek {version('kodek')}\n"
    assert kodek().out == kodek("--help").out
    assert b"encode" in kodek().out
