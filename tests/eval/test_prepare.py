"""Fetching test media from packages, with made-up packages and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from kodek.eval.data import Data
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.prepare import faces, fetch, text
from kodek.eval.prepare.__main__ import main
from kodek.eval.prepare.fetch import Kind, Package, gather
from PIL import Image

from .conftest import pixels

needs_shell = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for programs are shell scripts")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where pip finds packages, and it alone."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    """A folder `package` with a picture."""
    folder = tmp_path / "made" / "package"
    folder.mkdir(parents=True)
    Image.fromarray(pixels()).save(folder / "sign.png")
    return folder


def wheel(packages: Path, contents: Path) -> None:
    with zipfile.ZipFile(packages / "made_up_signs-1.0-py3-none-any.whl", "w") as file:
        file.write(contents / "sign.png", "signs/sign.png")
        file.writestr(
            "made_up_signs-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: made-up-signs\nVersion: 1.0\n"
        )
        file.writestr(
            "made_up_signs-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("made_up_signs-1.0.dist-info/RECORD", "")


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Put a shell script of this name before all programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


SIGNS = Package(Kind.WHEEL, "made-up-signs", "1.0", "CC0", {"signs/sign.png": {"text": "NO PARKING"}})


@pytest.mark.skipif(find_spec("pip") is None, reason="pip is not installed")
def test_files_of_a_wheel(tmp_path: Path, packages: Path, contents: Path) -> None:
    wheel(packages, contents)
    out = tmp_path / "out"
    gather([SIGNS], out)
    gather([SIGNS], out)  # again, over what is there
    assert sorted(path.name for path in out.iterdir()) == ["SOURCES.txt", "labels.tsv", "made-up-signs-sign.png"]
    data = Data(str(out))
    assert data.names == ["made-up-signs-sign.png"]
    assert data.sample(data.names[0]).labels["text"] == "NO PARKING"
    assert (data.sample(data.names[0]).signal == pixels()).all()
    sources = (out / "SOURCES.txt").read_text().splitlines()
    assert sources[1].split("\t") == [
        "made-up-signs-sign.png",
        "made_up_signs-1.0-py3-none-any.whl (wheel)",
        "CC0",
        "signs/sign.png",
    ]


@pytest.mark.skipif(find_spec("pip") is None, reason="pip is not installed")
def test_what_is_missing_is_named(tmp_path: Path, packages: Path, contents: Path) -> None:
    with pytest.raises(EvalError, match=r"failed for made-up-signs: .*No matching distribution"):
        gather([SIGNS], tmp_path / "out")
    wheel(packages, contents)
    other = Package(Kind.WHEEL, "made-up-signs", "1.0", "CC0", {"signs/other.png": {}})
    with pytest.raises(EvalError, match=r"made-up-signs has no file signs/other\.png"):
        gather([other], tmp_path / "out")


@needs_shell
def test_files_of_an_npm_package(tmp_path: Path, contents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "made-up-signs-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(contents, "package")
    program(tmp_path, monkeypatch, "npm", f'[ "$*" = "pack --silent @made/up@1.0.0" ] && cp "{archive}" .')
    package = Package(Kind.NPM, "@made/up", "1.0.0", "MIT", {"sign.png": {}})
    gather([package], tmp_path / "out")
    assert Data(str(tmp_path / "out")).names == ["made-up-sign.png"]


@needs_shell
def test_a_package_that_writes_outside_its_folder_is_refused(
    tmp_path: Path, contents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(contents / "sign.png", "../../escaped.png")
    program(tmp_path, monkeypatch, "npm", f'cp "{archive}" .')
    with pytest.raises(EvalError, match="can't be unpacked"):
        gather([Package(Kind.NPM, "evil", "1.0.0", "MIT", {"sign.png": {}})], tmp_path / "out")


@needs_shell
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_files_of_a_debian_package(tmp_path: Path, contents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "deb"
    shutil.copytree(contents, tree / "usr" / "share" / "signs")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: signs\nVersion: 2\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: signs\n"
    )
    archive = tmp_path / "signs_2_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(archive)], check=True, capture_output=True)
    program(tmp_path, monkeypatch, "apt-get", f'cp "{archive}" .')
    package = Package(Kind.DEB, "signs", "", "CC0", {"usr/share/signs/sign.png": {"text": "A\tB"}})
    with pytest.raises(EvalError, match="tab"):
        gather([package], tmp_path / "out")
    package = Package(Kind.DEB, "signs", "", "CC0", {"usr/share/signs/sign.png": {"text": "A B"}})
    gather([package], tmp_path / "out")
    assert Data(str(tmp_path / "out")).sample("signs-sign.png").labels["text"] == "A B"


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="needs the program apt-get"):
        gather([Package(Kind.DEB, "signs", "", "CC0")], tmp_path / "out")


def test_a_download_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.1)
    monkeypatch.setattr(fetch, "_command", lambda _: [sys.executable, "-c", "import time; time.sleep(30)"])
    with pytest.raises(EvalError, match="took more than"):
        gather([SIGNS], tmp_path / "out")


def test_the_command_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["text", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "error: Fetching opencv-doc needs the program apt-get.\n"


def test_the_tables_are_whole() -> None:
    files = [path for package in (*text.PACKAGES, *faces.PACKAGES) for path in package.files]
    assert files
    assert all(columns["text"] for package in text.PACKAGES for columns in package.files.values())
    assert sum(len("".join(columns["text"].split())) for p in text.PACKAGES for columns in p.files.values()) >= 500
