"""``kodek verify``."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from . import options
from .batch import each
from .streams import find_weights, input_name, naming, read_stream


def verify(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".kdk files, or - for stdin.")],
    threads: options.Threads = None,
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Check files without the originals: checksums, every symbol to the end, and the hash of all symbols."""
    from kodek.codecs.container import Limits

    limits = Limits(max_pixels=max_pixels)

    def check(file: str) -> None:
        data, header, _ = read_stream(file, limits)
        model = find_weights(file, header).name
        from .torch_setup import set_up

        set_up(threads)
        from kodek.codecs.image.file import verify_image

        with naming(file):
            verify_image(data, limits=limits)
        facts = {"file": input_name(file), "ok": True, "bytes": len(data), "model": model}
        facts["symbol_hash"] = f"{header.symbol_hash:08x}"
        print(json_module.dumps(facts) if json else f"{facts['file']}: ok")

    return each(files, check)
