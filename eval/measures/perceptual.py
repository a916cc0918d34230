"""Perceptual distances of pictures by networks: LPIPS and DISTS, on RGB at full resolution.

Their backbones are torchvision's, trained on ImageNet: files of 233 MiB (AlexNet) and 528 MiB (VGG-16) which are read
from `$TORCH_HOME/hub/checkpoints`, or downloaded to it as torch.hub does. Without them there is no number.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EvalError, Unavailable
from ..sample import Coded, Media, Sample
from .base import INFINITY, Compute, Measure, Meter, Value

if TYPE_CHECKING:
    import torch

SMALLEST_SIDE = 32  # less, and nothing is left behind AlexNet's poolings
MAX_PIXELS = 1 << 22  # VGG-16 needs some kilobytes a pixel

_BACKBONES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth"}
_SITE = "https://download.pytorch.org/models"
_PATIENCE = 10.0  # seconds that the site may be silent

_failures: dict[Path, str] = {}  # reasons by file: a download is tried once in a process


def _load_lpips() -> Compute:
    networks = {}
    for name in _BACKBONES:
        with _building("LPIPS", name):
            networks[f"lpips_{name}"] = importlib.import_module("lpips").LPIPS(net=name, verbose=False)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        first, second = (2 * pixels - 1 for pixels in _tensors("LPIPS", sample, coded))
        return {name: _distance(network, first, second) for name, network in networks.items()}

    return measure


def _load_dists() -> Compute:
    with _building("DISTS", "vgg"):
        network = importlib.import_module("torchmetrics.functional.image.dists").DISTSNetwork()

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        return {"dists": _distance(network, *_tensors("DISTS", sample, coded))}

    return measure


@contextlib.contextmanager
def _building(title: str, backbone: str) -> Iterator[None]:
    """Around the making of a network. Raises Unavailable."""
    try:
        from kodek.datasets.compat import install

        install()
        importlib.import_module("torchvision")
    except ImportError as error:
        raise Unavailable(f"{title} needs {error.name}: pip install 'kodek[eval]'.") from error
    path = _weights(title, backbone)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls torchvision in an old way
            yield
    except ImportError as error:
        raise Unavailable(f"{title} needs {error.name}: pip install 'kodek[eval]'.") from error
    except Exception as error:  # torch raises nearly everything on a damaged file
        raise Unavailable(f"{title} can't read {path}: delete it, it is damaged ({_short(error)}).") from error


def _weights(title: str, backbone: str) -> Path:
    """The file of a backbone, downloaded if need be. Raises Unavailable."""
    import torch

    file = _BACKBONES[backbone]
    path = Path(torch.hub.get_dir(), "checkpoints", file)
    if not path.exists() and path not in _failures:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_PATIENCE)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            checksum = path.stem.rpartition("-")[2]
            torch.hub.download_url_to_file(f"{_SITE}/{file}", str(path), checksum)
        except (OSError, RuntimeError) as error:  # no network, no disk space, or another checksum
            _failures[path] = _short(error)
        finally:
            socket.setdefaulttimeout(before)
    if not path.exists():
        raise Unavailable(
            f"{title} needs the file {file} in {path.parent}: it is not there, and downloading {_SITE}/{file} failed"
            f" ({_failures.get(path, 'it was deleted since')})."
        )
    return path


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__


def _tensors(title: str, sample: Sample, coded: Coded) -> list[torch.Tensor]:
    """Both pictures as float32 [1, 3, H, W], 0 to 1. Raises EvalError."""
    import torch

    pictures: list[np.ndarray] = [np.asarray(signal) for signal in (sample.signal, coded.signal)]
    height, width = pictures[0].shape[:2]
    if pictures[0].shape != pictures[1].shape:
        raise EvalError(f"The pictures have different shapes: {pictures[0].shape} and {pictures[1].shape}.")
    if min(height, width) < SMALLEST_SIDE:
        raise EvalError(f"{title} needs pictures of {SMALLEST_SIDE} pixels a side or more.")
    if height * width > MAX_PIXELS:
        raise EvalError(f"{title} needs too much memory for pictures of more than {MAX_PIXELS} pixels.")
    planes = (torch.from_numpy(np.moveaxis(picture, -1, 0).astype(np.float32)) for picture in pictures)
    return [plane[None] / 255 for plane in planes]


def _distance(network: Callable[..., Any], first: torch.Tensor, second: torch.Tensor) -> float:
    import torch

    with torch.inference_mode():
        return max(float(network(first, second)), 0.0)  # of equal pictures: rounding may lead below 0


METERS = (
    Meter(
        name="lpips",
        media=frozenset((Media.IMAGE,)),
        measures=(
            Measure("lpips_alex", "LPIPS (AlexNet)", "", False, (0, INFINITY)),
            Measure("lpips_vgg", "LPIPS (VGG)", "", False, (0, INFINITY)),
        ),
        load=_load_lpips,
        source="Zhang, Isola, Efros, Shechtman & Wang 2018, The unreasonable effectiveness of deep features as a"
        " perceptual metric; version 0.1 of the weights",
        packages=("lpips", "torch", "torchvision"),
    ),
    Meter(
        name="dists",
        media=frozenset((Media.IMAGE,)),
        measures=(Measure("dists", "DISTS", "", False, (0, 2)),),
        load=_load_dists,
        source="Ding, Ma, Wang & Simoncelli 2020, Image quality assessment: unifying structure and texture similarity;"
        " by torchmetrics",
        packages=("torchmetrics", "torch", "torchvision"),
    ),
)
