"""Learned codecs for images and sound: files that decode to the same symbols on every machine.

    data = kodek.encode(image, quality=60)  # a Pillow image, an array or a tensor -> bytes of a .kdk file
    image = kodek.decode(data)  # -> a Pillow image; as_="numpy" or "tensor" for the others
    image = kodek.open("photo.kdk")

    data = kodek.encode_audio(samples, rate, target_kbps=6)  # floats [channels, length] -> bytes of a .kdk file
    samples, rate = kodek.decode_audio(data)
    # in pieces: kodek.AudioEncoder, AudioDecoder; as it sounds: kodek.LiveEncoder, LiveDecoder

Importing this package is cheap: torch is imported by the first call that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import decode, encode, load, open
    from .api_audio import AudioDecoder, AudioEncoder, LiveDecoder, LiveEncoder, decode_audio, encode_audio
    from .codecs.errors import CodecError
    from .datasets.errors import MediaError

    __version__: str

_HOMES = {
    "encode": "kodek.api",
    "decode": "kodek.api",
    "open": "kodek.api",
    "load": "kodek.api",
    "encode_audio": "kodek.api_audio",
    "decode_audio": "kodek.api_audio",
    "AudioEncoder": "kodek.api_audio",
    "AudioDecoder": "kodek.api_audio",
    "LiveEncoder": "kodek.api_audio",
    "LiveDecoder": "kodek.api_audio",
    "CodecError": "kodek.codecs.errors",
    "MediaError": "kodek.datasets.errors",
}

__all__ = [
    "AudioDecoder",
    "AudioEncoder",
    "CodecError",
    "LiveDecoder",
    "LiveEncoder",
    "MediaError",
    "decode",
    "decode_audio",
    "encode",
    "encode_audio",
    "load",
    "open",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("kodek")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})
