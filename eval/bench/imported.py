"""Imported models beside CompressAI itself: `kodek bench imported`.

For every architecture, a network of CompressAI is imported, and both code the same photo in the same process, under
the same threads and allocator settings, in turn. Without a checkpoint the networks have random weights fitted to the
photo (see `networks`), of the sizes of its zoo; --steps trains them a little, so that their PSNR means something.

- symbols: the share of z and y that both decode alike, by what the hyper synthesis and the synthesis read;
- pixels: the largest difference where symbols agree, by kodek's synthesis of CompressAI's latents;
- bytes: the whole `.kdk` file against CompressAI's strings alone;
- PSNR of both, and their times to code and decode. CompressAI runs in both memory layouts; the faster one counts.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kodek.codecs.image.compressai_import import import_checkpoint
from kodek.codecs.image.compressai_names import ARCHITECTURES
from kodek.codecs.image.file import decode_image, encode_image, load_codec
from kodek.datasets import read_picture
from torch import Tensor, nn

from ..children import MALLOC, run_module, serve
from ..errors import EvalError
from ..photos import bundled_photo
from . import Progress, need, no_progress
from .codec import Contestant, race
from .networks import network

QUALITY = 3  # of CompressAI's zoo: the sizes of the random networks
WIDTH, HEIGHT = 768, 512
LARGEST = 1024  # sides of one tile: CompressAI has no others
AUTOREGRESSIVE = ("mbt2018", "cheng2020-anchor", "cheng2020-attn")

# the bars
SYMBOLS = 0.9999
PIXELS = 1.0  # of 255
BYTES = 0.01
PSNR = 0.02  # dB


def run(
    archs: Sequence[str] = ARCHITECTURES,
    *,
    checkpoint: Path | None = None,
    image: Path | None = None,
    sizes: tuple[int, ...] | None = None,
    steps: int = 0,
    repeats: int = 3,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Each of `archs` in a fresh process.

    checkpoint: of the only one of `archs`, instead of random weights; image: an 8-bit RGB picture with sides that are
    multiples of 64 (default: the bundled photo at 768 x 512); sizes: N (and M), instead of the zoo's; repeats: of the
    race (once for autoregressive ones, of which CompressAI takes long).

    Returns `models`, one document for each, and whether all `passed`. Raises EvalError, Unavailable, CheckpointError
    or MediaError.
    """
    need("compressai")
    if checkpoint is not None and len(archs) != 1:
        raise EvalError("A checkpoint needs its architecture.")
    models = []
    for done, arch in enumerate(archs):
        progress(done, len(archs), arch)
        job = {
            "arch": arch,
            "checkpoint": str(checkpoint) if checkpoint else None,
            "image": str(image) if image else None,
            "sizes": sizes,
            "steps": steps,
            "repeats": repeats,
            "threads": threads,
        }
        models.append(run_module(__name__, job, MALLOC["tuned"]))
    return {"models": models, "passed": all(model["passed"] for model in models)}


def report(result: dict[str, Any]) -> str:
    lines = [
        f"{'architecture':<22}{'symbols alike':>16}{'pixels':>12}{'bytes':>26}{'PSNR dB':>20}{'seconds':>18}{'time':>8}"
    ]
    for m in result["models"]:
        cells = (
            f"{100 * m['symbols']:.4f} %",
            f"{m['pixels']:.3f} / 255",
            f"{m['bytes']} / {m['their_bytes']} {100 * (m['bytes'] / m['their_bytes'] - 1):+.2f} %",
            f"{m['psnr']:.3f} / {m['their_psnr']:.3f}",
            f"{m['seconds']:.2f} / {m['their_seconds']:.2f}",
            f"{m['time']:.2f}",
        )
        widths = (16, 12, 26, 20, 18, 8)
        verdict = "" if m["passed"] else "  FAILS"
        lines.append(f"{m['arch']:<22}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)) + verdict)
    first = result["models"][0]
    lines.append(
        f"{first['width']} x {first['height']}, {first['threads']} threads, {first['weights']}; kodek / CompressAI; "
        + ", ".join(f"{name} {number}" for name, number in first["versions"].items())
    )
    return "\n".join(lines)


def passes(model: dict[str, Any]) -> bool:
    """Whether a document of `run` is within the bars."""
    same = abs(model["bytes"] / model["their_bytes"] - 1) <= BYTES and model["time"] < 1
    if model["arch"] in AUTOREGRESSIVE:
        return same and abs(model["psnr"] - model["their_psnr"]) <= PSNR
    return same and model["symbols"] >= SYMBOLS and model["pixels"] <= PIXELS


def _job(
    arch: str,
    checkpoint: str | None,
    image: str | None,
    sizes: list[int] | None,
    steps: int,
    repeats: int,
    threads: int | None,
) -> dict[str, Any]:
    """What the fresh process does."""
    from kodek.datasets.compat import install

    install()
    from compressai.zoo.image import cfgs

    if threads:
        torch.set_num_threads(threads)
    pixels = _pixels(Path(image) if image else None)
    with tempfile.TemporaryDirectory() as folder:
        if checkpoint is None:
            theirs = network(arch, tuple(sizes or cfgs[arch][QUALITY]), pixels, steps)
            path = Path(folder, "checkpoint.pth")
            torch.save(theirs.state_dict(), path)
            weights = f"{steps} steps of training" if steps else "random weights"
        else:
            path, weights = Path(checkpoint), Path(checkpoint).name
            theirs = _load(arch, path)
        model = Path(folder, "model")
        import_checkpoint(path, arch, model, {"name": arch})
        os.environ["KODEK_MODELS"] = str(model)  # where decoding looks
        with torch.inference_mode():
            result = compare(theirs, str(model / "weights.safetensors"), pixels, arch in AUTOREGRESSIVE, repeats)
    return {
        "arch": arch,
        "weights": weights,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("kodek", "torch", "compressai")},
        **result,
        "passed": passes({"arch": arch, **result}),
    }


def compare(theirs: Any, weights: str, pixels: np.ndarray, slow: bool, repeats: int) -> dict[str, Any]:
    """Both codecs on one picture; slow: race once, without a warm-up."""
    codec = load_codec(weights, "cpu")
    data = encode_image(codec, pixels)
    with _inputs(codec.prior, codec.synthesis, scale=2.0**-codec.family.latent_bits) as ours_read:
        decoded = decode_image(data).pixels
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    coded = theirs.compress(x)
    with _inputs(theirs, theirs, scale=1.0) as theirs_read:
        x_hat = theirs.decompress(coded["strings"], coded["shape"])["x_hat"]
    alike = [((a - b).abs() < 0.5) for a, b in zip(ours_read, theirs_read, strict=True)]
    latents = (theirs_read[-1].double() * 2.0**codec.family.latent_bits).round().to(torch.int32)
    contestants = [Contestant("kodek", lambda: encode_image(codec, pixels), decode_image)]
    contestants += [_contestant(theirs, x, layout) for layout in (torch.contiguous_format, torch.channels_last)]
    race(contestants, 1 if slow else repeats, 0 if slow else 1)
    seconds = [contestant.summary()["both"]["min"] for contestant in contestants]
    return {
        "symbols": sum(int(a.sum()) for a in alike) / sum(a.numel() for a in alike),
        "pixels": float((codec.synthesise(latents, 0) - x_hat).abs().max() * 255),
        "bytes": len(data),
        "their_bytes": sum(len(string) for (string,) in coded["strings"]),
        "psnr": _psnr(decoded, pixels),
        "their_psnr": _psnr((x_hat[0].permute(1, 2, 0) * 255).round().numpy(), pixels),
        "seconds": seconds[0],
        "their_seconds": min(seconds[1:]),
        "time": seconds[0] / min(seconds[1:]),
    }


@contextmanager
def _inputs(prior: Any, synthesis: Any, scale: float) -> Iterator[list[Tensor]]:
    """What the hyper synthesis (times `scale`), if there is one, and the synthesis read, in this order."""
    read: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        read.append(inputs[0].float() * (scale if module is getattr(prior, "h_s", None) else 1))

    parts = [getattr(prior, "h_s", None), getattr(synthesis, "g_s", synthesis)]
    hooks = [part.register_forward_pre_hook(keep) for part in parts if part is not None]
    yield read
    for hook in hooks:
        hook.remove()


def _contestant(net: Any, x: Tensor, layout: torch.memory_format) -> Contestant:
    net = copy.deepcopy(net).to(memory_format=layout)
    x = x.contiguous(memory_format=layout)
    name = f"CompressAI, {'channels last' if layout == torch.channels_last else 'contiguous'}"
    return Contestant(name, lambda: net.compress(x), lambda coded: net.decompress(coded["strings"], coded["shape"]))


def _load(arch: str, path: Path) -> Any:
    """A checkpoint as CompressAI itself loads it."""
    from compressai.zoo.image import model_architectures
    from compressai.zoo.pretrained import load_pretrained

    state = torch.load(path, map_location="cpu", weights_only=True)
    net = model_architectures[arch].from_state_dict(load_pretrained(state.get("state_dict", state))).eval()
    net.update()
    return net


def _psnr(decoded: np.ndarray, pixels: np.ndarray) -> float:
    error = np.square(decoded.astype(np.float64) - pixels).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _pixels(image: Path | None) -> np.ndarray:
    """uint8 [H, W, 3]."""
    if image is None:
        return bundled_photo(WIDTH, HEIGHT)
    picture = read_picture(image)
    sides = picture.width, picture.height
    if (picture.mode, picture.depth) != ("RGB", 8) or any(side % 64 or side > LARGEST for side in sides):
        raise EvalError(f"{image} is not 8-bit RGB with sides that are multiples of 64 up to {LARGEST}.")
    return picture.pixels


if __name__ == "__main__":
    serve(_job)
