"""A trained model as the zoo holds it, whatever it codes: weights with metadata, and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kodek.codecs.weights import read_weights
from kodek.codecs.zoo import WEIGHTS_VERSION, write_model
from safetensors import SafetensorError
from torch import Tensor

from .errors import TrainError


def save_model(
    folder: Path,
    codec: str,
    generation: bytes,
    settings: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, str],
    table: Sequence[str],
) -> None:
    """Write `folder`/weights.safetensors and card.md. Raises OSError.

    settings: of the codec's config. facts: name, licence, data, steps, training..., one-line texts. table: the card's
    measurements, lines of Markdown.
    """
    header = {
        "codec": codec,
        "version": WEIGHTS_VERSION,
        "generation": generation.hex(),
        "config": json.dumps(settings),
        **facts,
    }
    lines = [
        f"# {header['name']}",
        "",
        f"- codec: {codec}, generation `{header['generation']}`",
        *(f"- {key}: {header[key]}" for key in ("training", "steps", "data", "licence") if key in header),
        "",
        *table,
    ]
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_model(folder, whole, header, "\n".join(lines))


def open_model(path: Path) -> tuple[dict[str, str], dict[str, Any], dict[str, Tensor]]:
    """Metadata, settings of the config, and tensors. Raises TrainError if there is no model in the file."""
    try:
        about, tensors = read_weights(path)
        return about, json.loads(about["config"]), tensors
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainError(f"{path} holds no model to train on from.") from error
