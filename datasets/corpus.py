"""Finding the media to train on or to measure with: a folder, a list, or a corpus of torchvision."""

import importlib
import inspect
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from .errors import MediaError
from .picture import Picture
from .read import READABLE_SUFFIXES
from .samples import from_pillow
from .sound_stream import AUDIO_SUFFIXES

_VIDEO = "avi flv m4v mkv mov mp4 mpeg mpg ogv ts webm wmv y4m"
VIDEO_SUFFIXES = frozenset("." + name for name in _VIDEO.split())

_TORCHVISION, _TORCHAUDIO = "torchvision:", "torchaudio:"
_DEFAULT_ROOT = "data"


def find_images(spec: str) -> Sequence[Path] | Sequence[Picture]:
    """Resolve what a user calls a set of pictures.

    Args:
        spec: a folder (searched in depth, hidden files left out, in natural order: 2 before 10), a picture, a
            text file with a path a line (relative to the file; empty lines and ``#`` lines are skipped),
            or ``torchvision:NAME[:ROOT]`` (a class of `torchvision.datasets`, such as
            ``torchvision:STL10``, kept in ROOT, by default ``data``, and downloaded if it can be).

    Returns:
        Paths, not yet opened, or pictures that are made when they are asked for.

    Raises:
        MediaError: there is nothing of the kind, or it is empty.
    """
    if spec.startswith(_TORCHVISION):
        name, _, root = spec.removeprefix(_TORCHVISION).partition(":")
        return _TorchvisionPictures(name, Path(root or _DEFAULT_ROOT))
    return find_files(spec, READABLE_SUFFIXES, "picture")


def find_audio(spec: str) -> list[Path]:
    """The files of sound that `spec` names: as `find_files` takes it, or ``torchaudio:NAME[:ROOT]`` (a class of
    `torchaudio.datasets`, such as ``torchaudio:YESNO``, kept in ROOT, by default ``data/NAME``, and downloaded if it
    can be). Raises MediaError when there are none.
    """
    if spec.startswith(_TORCHAUDIO):
        name, _, folder = spec.removeprefix(_TORCHAUDIO).partition(":")
        root = Path(folder or f"{_DEFAULT_ROOT}/{name}")
        _dataset("torchaudio", name, root)
        spec = str(root)
    return find_files(spec, AUDIO_SUFFIXES, "recording")


def find_video(spec: str) -> list[Path]:
    """The videos that `spec` names, as `find_files` takes it. Raises MediaError when there are none."""
    return find_files(spec, VIDEO_SUFFIXES, "video")


def find_files(spec: str, suffixes: Collection[str], kind: str) -> list[Path]:
    """The files of a kind, not yet opened.

    Args:
        spec: a folder (searched in depth, hidden files left out, in natural order), a file, or a text file with a
            path a line (relative to the file; empty lines and ``#`` lines are skipped).
        suffixes: of the kind, in lower case, with their dots; a list may name others.
        kind: what to call one in a sentence, "picture".

    Raises:
        MediaError: there is nothing of the kind.
    """
    path = Path(spec)
    if path.is_dir():
        found = _in_folder(path, suffixes)
        if not found:
            raise MediaError(f"{spec} holds no {kind} ({' '.join(sorted(suffixes))}).")
        return found
    if not path.exists():
        raise MediaError(f"{spec} is neither a folder nor a file.")
    return [path] if path.suffix.lower() in suffixes else _in_list(path, kind)


def natural_key(path: Path) -> list[list[tuple[int, str]]]:
    """Sort key that counts: ``photo2`` before ``photo10``, folder by folder."""
    return [
        [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
        for name in path.parts
    ]


def _in_folder(folder: Path, suffixes: Collection[str]) -> list[Path]:
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                found.append(Path(root, name))
    return sorted(found, key=natural_key)


def _in_list(path: Path, kind: str) -> list[Path]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path} is neither a {kind} nor a list of them in UTF-8.") from error
    found = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if line and not line.startswith("#"):
            found.append(path.parent / line)
            if not found[-1].is_file():
                raise MediaError(f"{path}, line {number}: there is no file {found[-1]}.")
    if not found:
        raise MediaError(f"{path} lists no {kind}.")
    return found


def _dataset(package: str, name: str, root: Path) -> Any:
    """An instance of a class of `package`.datasets, with its files in `root`."""
    from .compat import install

    title = f"{package}:{name}"
    try:
        install()
        datasets = importlib.import_module(f"{package}.datasets")
    except ImportError as error:
        raise MediaError(f"{title} needs {package}, which is not installed.") from error
    kind = getattr(datasets, name, None)
    if not (inspect.isclass(kind) and hasattr(kind, "__getitem__")):
        raise MediaError(f"{package} has no data set of the name {name}.")
    options: dict[str, Any] = {"root": root, "download": True}
    known = inspect.signature(kind).parameters
    try:
        if package == "torchaudio":  # does not make the folder
            root.mkdir(parents=True, exist_ok=True)
        return kind(**{key: value for key, value in options.items() if key in known})
    except Exception as error:  # downloads, archives, missing folders: anything
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise MediaError(f"{title} can't be had in {root} ({reason}).") from error


class _TorchvisionPictures(Sequence[Picture]):
    """The pictures of a `torchvision.datasets` class, without their labels."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = f"{_TORCHVISION}{name}"
        self.data = _dataset("torchvision", name, root)
        if not len(self):
            raise MediaError(f"{self.name} is empty.")

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Picture(*from_pillow(self.data[index][0], self.name))
