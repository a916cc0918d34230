"""A checkpoint of CompressAI -> its tensors under today's names, without CompressAI."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError

# of a zoo's file: CompressAI names it <architecture>-<quality>-<first digits of its SHA-256>.pth.tar
_HASHED = re.compile(r"-([0-9a-f]{8})\.pth\.tar")
_LEARNED = re.compile(r"(entropy_bottleneck\.)_(matri|bias|factor)\w*?\.?(\d)$")
_PLURAL = {"matri": "matrices", "bias": "biases", "factor": "factors"}


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a model, by the names that CompressAI 1.2 gives them.

    A checkpoint is a state of a model, or a mapping that holds one beside other things (an optimiser, say). Only
    tensors and plain containers are read: nothing in the file is executed.

    Raises CheckpointError when it can't be read, is no such file or another one than its name says.
    """
    try:
        if (match := _HASHED.search(path.name)) and not _digest(path).startswith(match[1]):
            raise CheckpointError(f"{path} is damaged: its SHA-256 does not start with {match[1]}, as its name says.")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is no checkpoint, or it holds more than tensors, which kodek does not run; "
            "save the model's state_dict alone."
        ) from error
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error.strerror or error}.") from error
    except Exception as error:  # torch raises whatever its readers of zip and pickle do
        raise CheckpointError(f"{path} is not a checkpoint, or it is damaged.") from error
    state = _state(content)
    if state is None:
        raise CheckpointError(f"{path} holds no image codec of CompressAI: there is no tensor g_a.0.*.")
    return {_rename(key): value for key, value in state.items() if isinstance(value, Tensor)}


def _state(content: Any) -> Mapping[str, Any] | None:
    """The first mapping with the parameters of an analysis transform, at the top or one level below."""
    if not isinstance(content, Mapping):
        return None
    for candidate in (content, *content.values()):
        if isinstance(candidate, Mapping) and any(
            isinstance(key, str) and key.removeprefix("module.").startswith("g_a.0.") for key in candidate
        ):
            return {key: value for key, value in candidate.items() if isinstance(key, str)}
    return None


def _rename(key: str) -> str:
    """Old names and those of DataParallel: `module.entropy_bottleneck._bias0` -> `entropy_bottleneck.biases.0`."""
    key = key.removeprefix("module.").replace(".downsample.", ".skip.")
    return _LEARNED.sub(lambda match: f"{match[1]}{_PLURAL[match[2]]}.{match[3]}", key)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
