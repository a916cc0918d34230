"""``kodek verify``."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kodek.codecs.audio.spans import span_words

from . import options
from .batch import each
from .errors import Code, Failure
from .streams import find_weights, input_name, naming, open_stream

if TYPE_CHECKING:
    from kodek.codecs.container import Bytes, Limits


def verify(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".kdk files, or - for stdin.")],
    threads: options.Threads = None,
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Check files without the originals: checksums, all symbols and their hash; of sound, name the damaged seconds."""
    from kodek.codecs.container import Limits

    limits = Limits(max_pixels=max_pixels)

    def check(file: str) -> None:
        with open_stream(file, limits) as data, naming(file):
            facts = _facts(data, limits, file, threads)
        if json:
            print(json_module.dumps(facts))
        if facts.get("damage"):
            raise Failure(Code.STREAM, f"{facts['file']} is damaged from {span_words(facts['damage'])}.")
        if not json:
            print(f"{facts['file']}: ok")

    return each(files, check)


def _facts(data: Bytes, limits: Limits, file: str, threads: int | None) -> dict[str, Any]:
    """What JSON says, with the damaged seconds of sound. Raises CodecError for a damaged picture."""
    from kodek.codecs.container import AudioHeader, ImageHeader, expect, read, read_header

    header = read_header(data, limits, partial=True).header
    if header.kind == "image":
        data = data[:]
        read(data, limits)
    model = find_weights(file, header).name
    from .torch_setup import set_up

    set_up(threads)
    facts: dict[str, Any] = {"file": input_name(file), "ok": True, "bytes": len(data), "model": model}
    if isinstance(header, AudioHeader):
        from kodek.codecs.audio.file import verify_audio

        damage = [(round(start, 3), round(end, 3)) for start, end in verify_audio(data, limits=limits)]
        return facts | {"ok": not damage, "symbol_hash": f"{header.symbol_hash:08x}", "damage": damage}
    from kodek.codecs.image.file import verify_image

    verify_image(data[:], limits=limits)
    return facts | {"symbol_hash": f"{expect(ImageHeader, header).symbol_hash:08x}"}
