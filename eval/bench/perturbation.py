"""What another machine might do to numbers and to memory, done on purpose: half of the proof in `exactness`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from kodek.entropy.exact import ACTIVATION_BITS, WEIGHT_BITS
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

FRACTION_BITS = ACTIVATION_BITS + WEIGHT_BITS  # of the products before they are rescaled
NOISE = 1e-3


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


class Layout(TorchDispatchMode):
    """Results of convolutions channels last in memory, whatever they were asked for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if "conv" in str(func) and isinstance(out, Tensor) and out.ndim == 4:
            return out.contiguous(memory_format=torch.channels_last)
        return out
