"""Lets torchvision, torchaudio and what builds on them (CompressAI, LPIPS) import beside a CPU-only torch.

The wheels of torchvision and torchaudio on PyPI are linked against CUDA. Beside a CPU-only torch their
extension libraries don't load, and the pure Python parts, which need none of them, fail to import as well.
`install` repairs only that: the operators of the extensions (``torchvision.ops.nms``,
``torchaudio.functional.forced_align``...) stay unavailable and say so when they are called. A genuine CPU or
CUDA build is left alone.
"""

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

_MISSING_OPERATORS = ("nms", "qnms")
_operators: list[Any] = []  # a torch.library.Library drops its operators when it is collected


@functools.cache
def install() -> None:
    """Make ``import torchvision`` and ``import torchaudio`` work; call it before either import.

    Returns at once when torch has CUDA or HIP, and when called again. Otherwise it takes the time to import
    torch, torchvision and torchaudio (seconds). A package that is not installed is passed over, and so is one
    that imports as it is.

    Raises:
        ImportError, RuntimeError, OSError: an import failed for another reason than the one repaired here.
    """
    import torch

    if torch.version.cuda or torch.version.hip:
        return
    _repair("torchvision", RuntimeError, "operator torchvision::nms does not exist", _define_operators)
    _repair("torchaudio", OSError, "", _stub_extension)


def _repair(package: str, error: type[Exception], message: str, repair: Callable[[], None]) -> None:
    """Import `package`; on `error` with `message` forget the half import, repair and import again."""
    try:
        importlib.import_module(package)
        return
    except ModuleNotFoundError as missing:
        if missing.name != package:
            raise
        return
    except error as failure:
        if message not in str(failure):
            raise
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    repair()
    importlib.import_module(package)


def _define_operators() -> None:
    """Define the schemas that torchvision attaches its Python shape functions to while it is imported."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in _MISSING_OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _operators.append(library)


def _stub_extension() -> None:
    """Put a ``torchaudio._extension`` in place that knows of no extension instead of failing to load one."""
    stub = ModuleType("torchaudio._extension")
    members: dict[str, Any] = {
        "_IS_TORCHAUDIO_EXT_AVAILABLE": False,
        "_IS_ALIGN_AVAILABLE": False,
        "_check_cuda_version": lambda: None,
        "_load_lib": lambda name: False,
        "fail_if_no_align": _unavailable,
    }
    for name, member in members.items():
        setattr(stub, name, member)
    sys.modules[stub.__name__] = stub


def _unavailable(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    @functools.wraps(function)
    def fail(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"torchaudio's {function.__name__} needs its extension, which can't be loaded.")

    return fail
