"""Two files that outlive a process.

- The *checkpoint* (`checkpoint.pt`) holds everything, so that a run that was killed goes on bit for bit.
- The *portable state* (`*.safetensors`) holds the averaged weights only: small enough to carry to the next
  session or machine, where training goes on with a new optimizer.
"""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.datasets import MediaWriteError, atomic_write
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .errors import TrainError

FORMAT = "kodek training state 1"


@dataclass(frozen=True)
class State:
    """Averaged weights (float32), the steps they have seen, and which network they belong to."""

    weights: dict[str, Tensor]
    step: int
    codec: str
    task: dict[str, Any]


def save_state(path: Path, model: nn.Module, step: int, codec: str, task: Mapping[str, Any], half: bool = True) -> None:
    """Write the weights of `model` as a portable state, in half precision unless `half` is false.

    Raises TrainError if the file can't be written.
    """
    dtype = torch.float16 if half else torch.float32
    weights = {}
    for name, value in model.state_dict().items():
        weights[name] = value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
    _write(path, save(weights, {"format": FORMAT, "codec": codec, "step": str(step), "task": json.dumps(task)}))


def load_state(path: Path) -> State:
    """Read a portable state. Raises TrainError if it is none."""
    try:
        with safe_open(str(path), "pt") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise TrainError(f"{path} is not a training state.")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        weights = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
        return State(weights, int(about["step"]), about["codec"], json.loads(about["task"]))
    except (OSError, SafetensorError, KeyError) as error:
        raise TrainError(f"{path} can't be read as a training state: {error}.") from error


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values. Whenever the process dies, the file is whole or as before."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    _write(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU; nothing but data is unpickled. Raises TrainError."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainError(f"There is nothing to resume: {path} does not exist.") from error
    except Exception as error:  # torch's unpickler raises nearly everything on other bytes
        raise TrainError(f"The checkpoint {path} is damaged or not one of this program.") from error


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Into the model, strictly. Raises TrainError, naming the `source`, when they don't fit."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainError(f"The weights in {source} are those of another model than the recipe's.") from error


def random_states() -> dict[str, Any]:
    """The state of every global random generator of this process, as tensors and plain values."""
    numpy_state: Any = np.random.get_state(legacy=True)
    name, keys, *rest = numpy_state
    states = {
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _write(path: Path, data: bytes | memoryview) -> None:
    try:
        with atomic_write(path) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except MediaWriteError as error:
        raise TrainError(str(error)) from error
