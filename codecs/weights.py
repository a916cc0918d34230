"""What every codec does with the tensors of a weights file: name them by their content, read them, fill networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def generation_id(
    codec: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], decoding: Sequence[str]
) -> bytes:
    """8 bytes naming what decoding needs: a better encoder keeps the id.

    settings: of the codec's config, as the weights' metadata state them; a config that comes to have more keeps the id,
    too. decoding: prefixes of the names of those tensors.
    """
    digest = hashlib.sha256(json.dumps([codec, settings], sort_keys=True).encode())
    for key in sorted(tensors):
        if key.startswith(tuple(decoding)):
            value = tensors[key].contiguous()
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
    return digest.digest()[:8]


def read_weights(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a weights file. Raises OSError."""
    with safe_open(str(path), "pt") as file:
        return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def group(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start so, without that start."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def fill(module: M, tensors: Mapping[str, Tensor], prefix: str) -> M:
    """The module with the tensors of that prefix as its state, for inference."""
    module.load_state_dict(group(tensors, prefix))
    return module.eval().requires_grad_(False)


def half(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """A transform's state under a prefix: matrices and kernels in half precision (it costs nothing), vectors whole."""
    state = module.state_dict()
    return {f"{prefix}{key}": value.half() if value.ndim > 1 else value.clone() for key, value in state.items()}


def narrow(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with those of int32 as int16 where every value fits: networks are filled alike."""

    def fits(value: Tensor) -> bool:
        return value.dtype == torch.int32 and value.numel() > 0 and int(value.abs().max()) < 2**15

    return {key: value.to(torch.int16) if fits(value) else value for key, value in tensors.items()}
