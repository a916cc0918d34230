"""The proof that a model decodes to the same symbols everywhere, and that the proof can fail: `kodek bench exactness`.

Pictures are encoded once. Every setting below then decodes the payloads in a fresh process and must find the
recorded symbol hash and a stream used up to its last bit:

- threads, batch, layout, oneDNN and NNPACK on and off, the oldest instruction sets of ATen and oneDNN, a GPU;
- `perturbed`: at the level of torch's dispatcher, every floating output outside the prior is multiplied by
  1 + 1e-3 noise, and inside it every number must be a fixed-point number of float64 (at most 26 fractional
  bits, at most 53 bits in all).

Negative controls, which must fail: the prior in float arithmetic (`float prior`), and the exact prior with
one float leaked into it through a functional call (`leaked float`).
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.hyperprior import STRIDE
from kodek.entropy import StreamError
from kodek.entropy.coder import SymbolDecoder
from torch import Tensor

from ..children import run_module, serve
from ..errors import EvalError
from ..models import find_model
from . import Progress, no_progress
from .controls import FLOAT, LEAKY, sabotage
from .perturbation import InexactError, Perturbation

POSITIONS = (20, 128, 240)
LARGEST = 2048  # sides of one payload

# name -> (environment, options of `decode_all`)
SETTINGS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "1 thread": ({}, {"threads": 1}),
    "2 threads": ({}, {"threads": 2}),
    "batch 4": ({}, {"batch": 4}),
    "batch 32": ({}, {"batch": 32}),
    "channels last": ({}, {"channels_last": True}),
    "oneDNN off": ({}, {"mkldnn": False}),
    "oneDNN and NNPACK off, batch 32": ({}, {"mkldnn": False, "nnpack": False, "batch": 32}),
    "ATen without SIMD": ({"ATEN_CPU_CAPABILITY": "default"}, {}),
    "oneDNN at SSE4.1": ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, {}),
    "entropy coder without SIMD": ({"KODEK_PORTABLE": "1"}, {}),
    "perturbed": ({}, {"perturb": True}),
    "GPU": ({}, {"device": "cuda"}),
}
CONTROLS: dict[str, dict[str, Any]] = {
    FLOAT: {"perturb": True, "marked": False},
    LEAKY: {"perturb": True},
}

PROFILE = 1
Size = tuple[int, int]  # width, height
Files = list[tuple[bytes, int, Size, int]]  # payload, symbol hash, size, quality byte


def run(model: str | None, sizes: Sequence[Size], progress: Progress = no_progress) -> dict[str, Any]:
    """Prove it for a model of the zoo (the newest if None) or a path to weights.

    Returns a sentence for each of `streams` that fails, under every one of `settings` (none may) and `controls` (some
    must), each in a fresh process; the `skipped` settings with their reasons; and whether all that `passed`.
    Raises EvalError, also where a process breaks (neither a proof nor a failure of one), or CodecError.
    """
    if not sizes or any(not 1 <= side <= LARGEST for size in sizes for side in size):
        raise EvalError(f"Sides are 1 to {LARGEST} pixels.")
    entry = find_model(model)
    settings, skipped = dict(SETTINGS), {}
    if not torch.cuda.is_available():
        del settings["GPU"]
        skipped["GPU"] = "torch has none here"
    failures: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def fails(control: str, environment: dict[str, str], options: dict[str, Any]) -> list[str]:
            """Encode in one process (once for each control), decode in another."""
            files = Path(folder, f"{control or 'files'}.pickle")
            job = {"model": str(entry.path), "control": control, "files": str(files)}
            if not files.exists():
                run_module(__name__, {**job, "sizes": list(sizes)})
            return run_module(__name__, {**job, "options": options}, environment)

        jobs = [("", name, *how) for name, how in settings.items()]
        jobs += [(name, name, {}, options) for name, options in CONTROLS.items()]
        for done, (control, name, environment, options) in enumerate(jobs):
            progress(done, len(jobs), name)
            failures[name] = fails(control, environment, options)
    return {
        "model": entry.name,
        "streams": len(sizes) * len(POSITIONS),
        "settings": {name: failures[name] for name in settings},
        "controls": {name: failures[name] for name in CONTROLS},
        "skipped": skipped,
        "passed": not any(failures[name] for name in settings) and all(failures[name] for name in CONTROLS),
    }


def report(result: dict[str, Any]) -> str:
    lines = [f"exact decoding of {result['model']}, {result['streams']} streams under every setting"]
    for kind in ("settings", "controls"):
        must_fail = kind == "controls"
        for name, failures in result[kind].items():
            verdict = "ok" if bool(failures) == must_fail else "WRONG"
            said = f"{len(failures)} of {result['streams']} fail" + (", as some must" if must_fail else "")
            lines.append(f"{verdict:<6}{name:<34}{said}" + (f": {failures[0]}" if failures else ""))
    lines += [f"{'none':<6}{name:<34}{reason}" for name, reason in result["skipped"].items()]
    lines.append("proven" if result["passed"] else "NOT proven")
    return "\n".join(lines)


class MismatchedError(ValueError):
    """The stream decoded without an error, to other symbols."""


class Batch:
    """A coder that decodes several payloads side by side, so that the networks run on a batch."""

    def __init__(self, decoders: list[SymbolDecoder], channels_last: bool) -> None:
        self.decoders = decoders
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        mean, index = (t.expand(len(self.decoders), -1, -1, -1) for t in (mean, index))
        parts = [
            decoder.code(None, mean[i : i + 1].contiguous(), index[i : i + 1].contiguous())
            for i, decoder in enumerate(self.decoders)
        ]
        return torch.cat(parts).contiguous(memory_format=self.layout)


def pictures(sizes: Sequence[Size]) -> list[Tensor]:
    """Structured noise: edges, gradients and texture, [1, 3, H, W] in [0, 1], the same on every run."""
    random = np.random.default_rng(7)
    made = []
    for width, height in sizes:
        coarse = torch.from_numpy(random.random((1, 3, height // 8 + 2, width // 8 + 2))).float()
        smooth = F.interpolate(coarse, (height, width), mode="bilinear")
        texture = torch.from_numpy(random.random((1, 3, height, width))).float()
        made.append((smooth + 0.3 * (texture - 0.5) * (smooth > 0.5)).clamp(0, 1))
    return made


def encode_all(codec: ImageCodec, sizes: Sequence[Size]) -> Files:
    files = []
    for x in pictures(sizes):
        for position in POSITIONS:
            (payload,), (symbol_hash,) = codec.encode(x, position, PROFILE)
            files.append((payload, symbol_hash, (x.shape[3], x.shape[2]), position))
    return files


def decode_all(
    codec: ImageCodec,
    files: Files,
    *,
    threads: int = 0,
    batch: int = 1,
    channels_last: bool = False,
    mkldnn: bool = True,
    nnpack: bool = True,
    perturb: bool = False,
    marked: bool = True,
) -> list[str]:
    """Decode every file `batch`-fold; one line for each that does not come out as encoded.

    perturb: see the module's text; marked: whether the prior counts as the exact region.
    """
    if threads:
        torch.set_num_threads(threads)
    mode = Perturbation() if perturb else None
    # only touched to switch them off: merely naming them warns about hardware that is not there
    onednn = nullcontext() if mkldnn else torch.backends.mkldnn.flags(enabled=False)
    winograd = nullcontext() if nnpack else torch.backends.nnpack.flags(enabled=False)
    failures = []
    with torch.inference_mode(), onednn, winograd, mode or nullcontext():
        for payload, symbol_hash, (width, height), position in files:
            tables, bits = codec.tables[PROFILE], codec.family.latent_bits
            decoders = [SymbolDecoder(payload, tables, PROFILE, bits=bits) for _ in range(batch)]
            latent = -(-height // STRIDE), -(-width // STRIDE)
            try:
                with mode.exact_region() if mode and marked else nullcontext():
                    codec.prior.code(Batch(decoders, channels_last), position, latent, None, None)
                for decoder in decoders:
                    decoder.finish()
                    if decoder.hash != symbol_hash:
                        raise MismatchedError("other symbols")
            except (InexactError, StreamError, MismatchedError) as error:
                failures.append(f"{width}x{height} at {position}: {error}")
    if mode and marked and not mode.checked:
        failures.append("the exact region was never seen")
    return failures


def _job(
    model: str,
    control: str,
    files: str,
    sizes: Sequence[Size] | None = None,
    options: dict[str, Any] | None = None,
) -> list[str]:
    """Encode pictures of these sizes, or decode what such a process left in `files`; its failures."""
    options = options or {}
    codec = ImageCodec.load(Path(model), options.pop("device", "cpu"))
    if control:
        sabotage(codec, control)
    if sizes is None:
        return decode_all(codec, pickle.loads(Path(files).read_bytes()), **options)
    Path(files).write_bytes(pickle.dumps(encode_all(codec, sizes)))
    return []


if __name__ == "__main__":
    serve(_job)
