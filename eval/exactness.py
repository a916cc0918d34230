"""The proof that a model decodes to the same symbols everywhere, and that the proof can fail.

    python -m kodek.eval.exactness [--model NAME] [--sizes 96x80,33x47,...]

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

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.hyperprior import STRIDE, Prior
from kodek.codecs.zoo import find, newest
from kodek.entropy import StreamError
from kodek.entropy.coder import Coder, SymbolDecoder
from kodek.entropy.exact import ACTIVATION_BITS, WEIGHT_BITS, Exact, ExactConv2d
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

FRACTION_BITS = ACTIVATION_BITS + WEIGHT_BITS  # of the products before they are rescaled
NOISE = 1e-3
SIZES = ((96, 80), (33, 47), (1, 1), (200, 136))
POSITIONS = (20, 128, 240)

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
    "float prior": {"perturb": True, "marked": False},
    "leaked float": {"perturb": True},
}


PROFILE = 1
Files = list[tuple[bytes, int, tuple[int, int], int]]  # payload, symbol hash, (height, width), quality byte


class InexactError(ArithmeticError):
    """A number inside the exact region is not one that every machine computes alike."""


class Perturbation(TorchDispatchMode):
    """Noise on every floating result outside the exact region, a check of every result inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.checked = 0
        self.generator = np.random.default_rng(0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else (out,):
            if isinstance(value, Tensor) and value.is_floating_point() and value.numel():
                self._visit(func, value)
        return out

    def _visit(self, func: Any, value: Tensor) -> None:
        if not self.inside:
            if 0 in value.stride():  # an expanded view, whose source had its noise
                return
            noise = torch.from_numpy(self.generator.standard_normal(value.shape)).to(value.dtype)
            value.mul_(1 + NOISE * noise)
        elif not str(func).startswith("aten.empty"):
            self.checked += 1
            scaled = value * 2.0**FRACTION_BITS
            if value.dtype != torch.float64 or not torch.equal(scaled, scaled.round()):
                raise InexactError(f"{func} gives numbers that are not fixed-point")
            if value.abs().max() > 2**53:
                raise InexactError(f"{func} leaves the exact range of float64")

    @contextmanager
    def exact_region(self) -> Iterator[None]:
        self.inside = True
        try:
            yield
        finally:
            self.inside = False


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


def pictures(sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """Structured noise: edges, gradients and texture, [1, 3, H, W] in [0, 1], the same on every run."""
    random = np.random.default_rng(7)
    made = []
    for height, width in sizes:
        coarse = torch.from_numpy(random.random((1, 3, height // 8 + 2, width // 8 + 2))).float()
        smooth = F.interpolate(coarse, (height, width), mode="bilinear")
        texture = torch.from_numpy(random.random((1, 3, height, width))).float()
        made.append((smooth + 0.3 * (texture - 0.5) * (smooth > 0.5)).clamp(0, 1))
    return made


class FloatConv2d(ExactConv2d):
    """Negative control: the same weights, in float32."""

    def forward(self, x: Tensor) -> Tensor:
        scale = 2.0**-WEIGHT_BITS
        weight, bias = self.weight.float() * scale, self.bias.float() * scale
        return F.conv2d(x.float(), weight, bias, padding=weight.shape[-1] // 2, groups=self.groups)


class FloatPath(Exact):
    """Negative control: the arithmetic of every other toolkit."""

    def conv(self, channels_in: int, channels_out: int, kernel: int = 1, groups: int = 1) -> FloatConv2d:
        return FloatConv2d(channels_in, channels_out, kernel, groups)

    def rescale(self, x: Tensor, bits: int, limit: int = 0) -> Tensor:
        return x.float() * 2.0**-bits

    def leaky_relu(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.125)


class Leaky(Exact):
    """Negative control: exact but for one functional call."""

    def leaky_relu(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Rounding:
    """Lets a float prior drive a symbol coder, as float codecs do."""

    def __init__(self, coder: Coder) -> None:
        self.coder = coder

    def code(self, values: Tensor | None, mean: Tensor, index: Tensor) -> Tensor:
        return self.coder.code(values, mean.round().double(), index.round().double())


class RoundedPrior(Prior):
    def code(self, coder: Coder, *args: Any) -> Tensor:
        return super().code(Rounding(coder), *args)


def sabotage(codec: ImageCodec, control: str) -> None:
    """Replace the codec's prior by one that must fail the proof."""
    config, state = codec.config, codec.prior.state_dict()
    float_path = control == "float prior"
    codec.prior = RoundedPrior(config, FloatPath()) if float_path else Prior(config, Leaky())
    codec.prior.load_state_dict(state)


def encode_all(codec: ImageCodec, sizes: Sequence[tuple[int, int]]) -> Files:
    files = []
    for x in pictures(sizes):
        for position in POSITIONS:
            (payload,), symbol_hash = codec.encode(x, position, PROFILE)
            files.append((payload, symbol_hash, (x.shape[2], x.shape[3]), position))
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
        for payload, symbol_hash, size, position in files:
            decoders = [SymbolDecoder(payload, codec.tables[PROFILE], PROFILE) for _ in range(batch)]
            latent = -(-size[0] // STRIDE), -(-size[1] // STRIDE)
            try:
                with mode.exact_region() if mode and marked else nullcontext():
                    codec.prior.code(Batch(decoders, channels_last), position, latent, None, None)
                for decoder in decoders:
                    decoder.finish()
                    if decoder.hash != symbol_hash:
                        raise MismatchedError("other symbols")
            except (InexactError, StreamError, MismatchedError) as error:
                failures.append(f"{size[1]}x{size[0]} at {position}: {error}")
    if mode and marked and not mode.checked:
        failures.append("the exact region was never seen")
    return failures


def prove(model: str, sizes: Sequence[tuple[int, int]] = SIZES) -> dict[str, list[str]]:
    """The failures under every setting (none may have any) and control (all must), each in a fresh process.

    model: a zoo name or a path to weights.
    """
    results: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (environment, options) in SETTINGS.items():
            if options.get("device") == "cuda" and not torch.cuda.is_available():
                continue
            results[name] = _fresh_process(folder, model, sizes, "", environment, options)
        for name, options in CONTROLS.items():
            results[name] = _fresh_process(folder, model, sizes, name, {}, options)
    return results


def _fresh_process(
    folder: str,
    model: str,
    sizes: Sequence[tuple[int, int]],
    control: str,
    environment: dict[str, str],
    options: dict[str, Any],
) -> list[str]:
    """Encode in one process (once for each control), decode in another; the failures."""
    files = Path(folder) / f"{control or 'files'}.pickle"
    jobs: list[tuple[dict[str, Any], dict[str, str]]] = []
    common = {"model": model, "control": control, "files": str(files)}
    if not files.exists():
        jobs.append(({**common, "encode": list(sizes)}, {}))
    jobs.append(({**common, "options": options}, environment))
    for job, extra in jobs:
        command = [sys.executable, "-m", "kodek.eval.exactness", "--job", json.dumps(job)]
        done = subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True, check=False)
        if done.returncode:  # neither a proof nor a failure of one
            raise RuntimeError(f"a process of the proof broke: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _run_job(job: dict[str, Any]) -> None:
    options = job.get("options", {})
    codec = ImageCodec.load(find(job["model"]).path, options.pop("device", "cpu"))
    if job["control"]:
        sabotage(codec, job["control"])
    if "encode" in job:
        Path(job["files"]).write_bytes(pickle.dumps(encode_all(codec, job["encode"])))
    else:
        print(json.dumps(decode_all(codec, pickle.loads(Path(job["files"]).read_bytes()), **options)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=None, help="a zoo name or path (default: the newest)")
    parser.add_argument("--sizes", default=",".join(f"{w}x{h}" for h, w in SIZES), help="WxH,...")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        return _run_job(json.loads(arguments.job))
    sizes = [(int(h), int(w)) for w, h in (size.split("x") for size in arguments.sizes.split(","))]
    model = arguments.model or newest("image-hyperprior").name
    results = prove(model, sizes)
    count = len(sizes) * len(POSITIONS)
    wrong = 0
    for name, failures in results.items():
        must_fail = name in CONTROLS
        good = bool(failures) == must_fail
        wrong += not good
        said = f"{len(failures)} of {count} streams fail" + (" (must)" if must_fail else "")
        print(f"{'ok   ' if good else 'WRONG'} {name:34} {said}" + (f": {failures[0]}" if failures else ""))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
