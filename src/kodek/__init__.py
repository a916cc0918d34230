"""Learned codecs for images: files that decode to the same symbols on every machine.

    data = kodek.encode(image, quality=60)  # a Pillow image, an array or a tensor -> bytes of a .kdk file
    image = kodek.decode(data)  # -> a Pillow image; as_="numpy" or "tensor" for the others
    image = kodek.open("photo.kdk")

Importing this package is cheap: torch is imported by the first call that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import decode, encode, load, open
    from .codecs.errors import CodecError
    from .datasets.errors import MediaError

    __version__: str

_HOMES = {
    "encode": "kodek.api",
    "decode": "kodek.api",
    "open": "kodek.api",
    "load": "kodek.api",
    "CodecError": "kodek.codecs.errors",
    "MediaError": "kodek.datasets.errors",
}

__all__ = ["CodecError", "MediaError", "decode", "encode", "load", "open"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("kodek")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})
