"""File lengths against the model's own estimate, to check the coder and its tables: `kodek bench estimate`.

The payloads are decoded once more by the model's own prior, whose scales are this time not rounded to the nearest
table: the estimate is the sum of -log2 of the probability of each decoded symbol's bin under the Gaussian of that
scale, centred at the mean that the decoder uses (a multiple of 1/16). No tables, no coder, no container.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.codecs.container import ChunkKind, ImageHeader, Limits, expect, read
from kodek.codecs.errors import MismatchError
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.file import encode_image
from kodek.datasets import MediaError, Picture, find_images, read_picture
from kodek.entropy.coder import LATENT_UNIT, SymbolDecoder, gaussian_bits
from kodek.entropy.exact import ACTIVATION_BITS, Exact
from torch import Tensor

from ..models import load_model
from . import Progress, no_progress

TOLERANCE = 0.01  # of the estimate
ALLOWANCE = 64  # bytes


def run(
    data: str,
    model: str | None,
    qualities: Sequence[float],
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Code every picture of `data` (as `find_images` takes it) at every quality, without alpha and metadata.

    Returns `files` with their bytes, estimates and whether they are `within` the bar, a sentence for each picture
    `left_out`, and whether the check `passed`: all files are within, and there are some.
    Raises MediaError when there are no pictures, CodecError.
    """
    entry, codec = load_model(model)
    files, left_out = [], []
    images: Sequence[Path | Picture] = find_images(data)
    for number, image in enumerate(images):
        name = f"{data}#{number}" if isinstance(image, Picture) else str(image)
        try:
            pixels = _pixels(image, name)
        except MediaError as error:
            left_out.append(str(error))
            continue
        for i, quality in enumerate(qualities):
            progress(number * len(qualities) + i, len(images) * len(qualities), f"{name} {quality:g}")
            coded = encode_image(codec, pixels, quality=quality)
            estimate = estimated_bytes(codec, coded)
            file = {"file": name, "quality": quality, "bytes": len(coded), "estimate": estimate}
            files.append({**file, "within": within_bar(len(coded), estimate)})
    passed = bool(files) and all(file["within"] for file in files)
    return {"model": entry.name, "files": files, "left_out": left_out, "passed": passed}


def report(result: dict[str, Any]) -> str:
    files = result["files"]
    outside = [file for file in files if not file["within"]]
    lines = [f"{f['file']} at {f['quality']:g}: {f['bytes']} bytes, estimate {f['estimate']:.0f}" for f in outside]
    lines.append(
        f"{len(files) - len(outside)} of {len(files)} files of {result['model']} within 1 % + {ALLOWANCE} bytes"
    )
    if files:
        excess = [100 * (file["bytes"] / file["estimate"] - 1) for file in files]
        lines.append(
            "length over the estimate on rounded latents without tables: "
            f"mean {np.mean(excess):+.3f} %, {min(excess):+.3f} to {max(excess):+.3f} %"
        )
    return "\n".join(lines)


class Untabulated(Exact):
    """Exact arithmetic that leaves table indexes unrounded."""

    def whole(self, x: Tensor) -> Tensor:
        return x * 2.0**-ACTIVATION_BITS


class EstimatingDecoder(SymbolDecoder):
    """Decodes with rounded table indexes, and counts the bits of each symbol at the unrounded ones."""

    bits = 0.0

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        y_hat = super().code(values, mean, torch.floor(index + 0.5))
        self.bits += float(gaussian_bits((y_hat - mean) / LATENT_UNIT, index).sum())
        return y_hat


@torch.inference_mode()
def estimated_bytes(codec: ImageCodec, data: bytes) -> float:
    """The model's estimate for the payloads of a `.kdk` file of a grey or RGB picture without alpha.

    Raises CodecError or StreamError for a damaged file, ValueError for other pictures.
    """
    found, chunks = read(data, Limits())
    header = expect(ImageHeader, found)
    if {chunk.kind for chunk in chunks} & {ChunkKind.PAYLOAD_K, ChunkKind.ALPHA}:
        raise ValueError("only grey and RGB pictures without alpha have an estimate")
    prior: Any = codec.family.prior(codec.config, Untabulated())
    prior.load_state_dict(codec.prior.state_dict())
    prior.eval().requires_grad_(False).to(codec.device)
    payloads = [chunk.data for chunk in chunks if chunk.kind == ChunkKind.PAYLOAD]
    tile_hashes = next((chunk.data for chunk in chunks if chunk.kind == ChunkKind.TILE_HASHES), None)
    expected = [header.symbol_hash] if tile_hashes is None else np.frombuffer(tile_hashes, "<u4").tolist()
    bits, hashes = 0.0, []
    for area, payload in zip(codec.grid((header.height, header.width)).areas, payloads, strict=True):
        coder = EstimatingDecoder(payload, codec.tables[header.profile], header.profile, header.seed)
        prior.code(coder, header.position, (area.height, area.width), None, None)
        coder.finish()
        bits += coder.bits
        hashes.append(coder.hash)
    if hashes != expected:
        raise MismatchError("The estimate was made for other symbols than those in the file.")
    return bits / 8


def within_bar(length: int, estimate: float) -> bool:
    """Whether a file is within 1 % + 64 bytes of its estimate."""
    return abs(length - estimate) <= TOLERANCE * estimate + ALLOWANCE


def _pixels(image: Path | Picture, name: str) -> np.ndarray:
    """[H, W, 1 or 3]. Raises MediaError for other pictures."""
    picture = image if isinstance(image, Picture) else read_picture(image)
    if picture.mode == "CMYK":
        raise MediaError(f"{name} is CMYK; there are estimates for grey and RGB only.")
    return picture.pixels
