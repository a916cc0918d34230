"""The weights on this machine: those shipped with kodek (`codecs/zoo/`), then the user's own.

A model is a folder with `weights.safetensors` and `card.md`. The JSON header of the weights says what it is;
it is read without torch. A .kdk file names its weights by generation, a hash of what decoding needs.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FormatError, UnknownModelError, VersionError
from .header import NOUNS, Header, Kind

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
CARD = "card.md"
WEIGHTS_VERSION = "1"
MAX_HEADER = 4 << 20  # bytes of JSON; a model of a thousand tensors needs 0.1 MB
REQUIRED = ("codec", "name", "generation", "version")

SHIPPED = Path(__file__).parent / "zoo"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelEntry:
    """A model's identity: name ("image-hyperprior-1"), codec ("image-hyperprior"), generation (8 bytes).

    metadata: the weights file's own words (data, licence, steps, config and psnr as JSON, ...).
    """

    name: str
    codec: str
    generation: bytes
    path: Path
    metadata: dict[str, str]

    @property
    def card_path(self) -> Path:
        return self.path.with_name(CARD)

    @property
    def kind(self) -> Kind:
        """The media that it codes, which the codec's name begins with."""
        return "audio" if self.codec.startswith("audio-") else "image"

    @property
    def single_rate(self) -> bool:
        """Whether every quality gives the same file, as of models imported from other toolkits."""
        return self.metadata.get("rates") == "1"


def list_models() -> list[ModelEntry]:
    """Every readable model, in the order of the search; unreadable ones are logged and left out."""
    found = {entry.path.resolve(): entry for entry in _entries(_folders())}  # a folder may be named twice
    return list(found.values())


def newest(codec: str) -> ModelEntry:
    """The model that encodes by default: the shipped one with the highest number, else the user's.

    Raises UnknownModelError.
    """
    for folders in ([SHIPPED], _user_folders()):
        found = [entry for entry in _entries(folders) if entry.codec == codec]
        if found:
            return max(found, key=_number)
    raise UnknownModelError(f"No weights of the codec {codec} are on this machine.")


def by_generation(generation: bytes) -> ModelEntry:
    """The model of that generation. Raises UnknownModelError."""
    for entry in _entries(_folders()):
        if entry.generation == generation:
            return entry
    raise UnknownModelError(
        f"The weights of generation {generation.hex()} are not on this machine; "
        f"put their folder into {_data_folder()} or name it in KODEK_MODELS."
    )


def weights_of(header: Header) -> ModelEntry:
    """The model that decodes what the header says. Raises UnknownModelError, FormatError for one of other media."""
    entry = by_generation(header.generation)
    if not entry.codec.startswith(f"{header.kind}-"):
        raise FormatError(f"Malformed header: it says {NOUNS[header.kind]}, but its weights are of {entry.codec}.")
    return entry


def find(name_or_path: str | os.PathLike[str]) -> ModelEntry:
    """A model by its name, its codec (the newest then), its weights file or its folder.

    Raises UnknownModelError or VersionError.
    """
    entries = list_models()
    for entry in entries:
        if entry.name == name_or_path:
            return entry
    if any(entry.codec == name_or_path for entry in entries):
        return newest(str(name_or_path))
    path = os.path.join(name_or_path, WEIGHTS) if os.path.isdir(name_or_path) else name_or_path
    if not os.path.isfile(path):
        raise UnknownModelError(f"{os.fspath(name_or_path)!r} is neither a model's name nor its weights.")
    return read_entry(Path(path))


def read_entry(path: Path) -> ModelEntry:
    """The identity of one weights file. Raises UnknownModelError or VersionError."""
    metadata = _read_metadata(path)
    missing = [key for key in REQUIRED if key not in metadata]
    if missing:
        raise UnknownModelError(f"{path} is not a model of kodek: its metadata lacks {', '.join(missing)}.")
    if metadata["version"] != WEIGHTS_VERSION:
        raise VersionError(f"{path} needs a newer kodek: its layout has version {metadata['version']}.")
    if not re.fullmatch("[0-9a-f]{16}", metadata["generation"]):
        raise UnknownModelError(f"{path} is not a model of kodek: its generation is not 16 hex digits.")
    generation = bytes.fromhex(metadata["generation"])
    return ModelEntry(metadata["name"], metadata["codec"], generation, path, metadata)


def write_model(folder: Path, tensors: dict[str, Tensor], metadata: dict[str, str], card: str) -> None:
    """Write a model; a file of that name is replaced only when the new one is whole. Raises OSError."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{WEIGHTS}.partial"
    try:
        save_file(tensors, partial, metadata)
        partial.chmod(0o644)
        partial.replace(folder / WEIGHTS)
    finally:
        partial.unlink(missing_ok=True)
    (folder / CARD).write_text(card, "utf-8")


def _read_metadata(path: Path) -> dict[str, str]:
    """`__metadata__` of a safetensors file: 8 bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > min(MAX_HEADER, path.stat().st_size - 8):
                raise ValueError("its header is longer than allowed")
            metadata = json.loads(file.read(size))["__metadata__"]
            if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
                raise ValueError("its metadata is not text")
            return metadata
    except OSError as error:
        raise UnknownModelError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnknownModelError(f"{path} is not a safetensors file with metadata.") from error


def _entries(folders: list[Path]) -> Iterator[ModelEntry]:
    for folder in folders:
        for path in sorted((*folder.glob(WEIGHTS), *folder.glob(f"*/{WEIGHTS}"))):
            try:
                yield read_entry(path)
            except (UnknownModelError, VersionError) as error:
                log.warning("%s It is left out.", error)


def _folders() -> list[Path]:
    return [SHIPPED, *_user_folders()]


def _user_folders() -> list[Path]:
    """Folders that hold model folders (or are one): those of $KODEK_MODELS, then the platform's own."""
    named = os.environ.get("KODEK_MODELS", "").split(os.pathsep)
    return [*(Path(os.path.expanduser(folder)) for folder in named if folder), _data_folder()]


def _data_folder() -> Path:
    """Where the platform keeps a user's data."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        root = "~/Library/Application Support"
    else:
        root = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(root), "kodek", "models")


def _number(entry: ModelEntry) -> int:
    """The n of `<codec>-<n>`."""
    match = re.fullmatch(rf"{re.escape(entry.codec)}-(\d+)", entry.name)
    return int(match[1]) if match else 0
