"""The files that are measured: pictures, audio or video of a folder, with their labels.

Labels are the columns of a tab-separated `labels.tsv` in the folder, the first of which is `file`: `class_index` of
ImageNet, `text` that is said or to be read, `speaker`...
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from kodek.datasets import (
    MediaError,
    Picture,
    find_audio,
    find_images,
    find_video,
    read_audio,
    read_picture,
    read_video,
)

from .errors import EvalError
from .sample import Media, Sample, Signal

LABELS = "labels.tsv"
_FINDERS = {Media.IMAGE: find_images, Media.AUDIO: find_audio, Media.VIDEO: find_video}


class Data:
    """What `spec` names: see `find_images`; the same for audio and video.

    limit: only the first so many. media: of the files; names: of the files, the same on every machine that has the
    same data.
    Raises MediaError when there is nothing to measure, EvalError when the kind of media is not clear.
    """

    def __init__(self, spec: str, media: Media | None = None, limit: int | None = None) -> None:
        self.spec, self.limit = spec, limit
        self.media, items = _find(spec, media)
        items = items if limit is None else items[:limit]
        self._items = {_name(item, spec, number): item for number, item in enumerate(items)}
        self.names = list(self._items)
        self._labels = _labels(Path(spec) / LABELS)

    def sample(self, name: str) -> Sample:
        """Raises MediaError for a file that can't be read or is of a kind that isn't measured."""
        item = self._items[name]
        return Sample(name, self._signal(item, name), self._labels.get(name, {}))

    def size(self, name: str) -> int:
        """Of the original file in bytes; of the samples where there is no file."""
        item = self._items[name]
        return item.stat().st_size if isinstance(item, Path) else item.pixels.nbytes

    def _signal(self, item: Path | Picture, name: str) -> Signal:
        if isinstance(item, Path) and self.media is not Media.IMAGE:
            return read_audio(item) if self.media is Media.AUDIO else read_video(item)
        picture = item if isinstance(item, Picture) else read_picture(item)
        if picture.depth != 8 or picture.mode == "CMYK":
            raise MediaError(f"{name} is {picture.mode} of {picture.depth} bits; runs are over 8-bit grey and RGB.")
        return np.ascontiguousarray(np.broadcast_to(picture.pixels, (*picture.pixels.shape[:2], 3)))


def _find(spec: str, media: Media | None) -> tuple[Media, Sequence[Path | Picture]]:
    if media is not None:
        return media, _FINDERS[media](spec)
    found: dict[Media, Sequence[Path | Picture]] = {}
    reasons = []
    for kind, finder in _FINDERS.items():
        try:
            found[kind] = finder(spec)
            if Path(spec).is_file() and found[kind][0] != Path(spec):
                finder(str(found[kind][0]))  # a list: of files of this kind?
        except MediaError as error:
            found.pop(kind, None)
            reasons.append(error)
    if len(found) > 1:
        raise EvalError(f"{spec} holds {' and '.join(found)}: say which with --media.")
    if not found:
        raise reasons[0]
    return next(iter(found.items()))


def _name(item: Path | Picture, spec: str, number: int) -> str:
    if isinstance(item, Picture):
        return f"{number:06}"
    folder = Path(spec) if Path(spec).is_dir() else Path(spec).parent
    return item.relative_to(folder).as_posix() if item.is_relative_to(folder) else item.name


def _labels(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if not lines.fieldnames or lines.fieldnames[0] != "file":
                raise EvalError(f"{path} has no column 'file' at its beginning.")
            return {line["file"]: {column: text for column, text in line.items() if text} for line in lines}
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvalError(f"{path} is not a tab-separated text in UTF-8.") from error
