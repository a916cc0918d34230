"""``kodek info``."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .batch import each
from .streams import input_name, naming, read_bytes

if TYPE_CHECKING:
    from kodek.codecs.container import Limits


def info(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".kdk files, or - for stdin.")],
    max_pixels: options.MaxPixels = options.DEFAULT_MAX_PIXELS,
    json: options.Json = False,
) -> int:
    """Say what .kdk files hold, without decoding them."""
    from kodek.codecs.container import Limits

    def show(file: str) -> None:
        facts = _facts(file, Limits(max_pixels=max_pixels))
        print(json_module.dumps(facts) if json else _text(facts))

    return each(files, show)


def _facts(file: str, limits: Limits) -> dict[str, Any]:
    from kodek.codecs.container import VERSION, ChunkKind, read, read_header

    data = read_bytes(file, limits)
    with naming(file):
        read(data, limits)  # for its checksums
        header, entries = (contents := read_header(data, limits)).header, contents.entries
    return {
        "file": input_name(file),
        "bytes": len(data),
        "version": VERSION,
        "width": header.width,
        "height": header.height,
        "mode": header.mode,
        "alpha": any(entry.kind == ChunkKind.ALPHA for entry in entries),
        "depth": header.depth,
        "bpp": round(8 * len(data) / (header.width * header.height), 4),
        "quality": _quality(header.position),
        "model": _model(header.generation),
        "generation": header.generation.hex(),
        "profile": header.profile,
        "symbol_hash": f"{header.symbol_hash:08x}",
        "chunks": {entry.name: entry.size for entry in entries},
    }


def _quality(position: int) -> float:
    """What --quality was: a whole number if one gives the quality byte."""
    whole = round(position / 2.55)
    return whole if round(whole * 2.55) == position else round(position / 2.55, 1)


def _model(generation: bytes) -> str | None:
    from kodek.codecs import zoo
    from kodek.codecs.errors import UnknownModelError

    try:
        return zoo.by_generation(generation).name
    except UnknownModelError:
        return None


def _text(facts: dict[str, Any]) -> str:
    mode = facts["mode"] + (" + alpha" if facts["alpha"] else "")
    chunks = ", ".join(f"{name} {size}" for name, size in facts["chunks"].items())
    return "\n".join(
        (
            f"{facts['file']}: {facts['width']} x {facts['height']} {mode}, {facts['depth']} bits a sample",
            f"  size     {facts['bytes']} bytes, {facts['bpp']:.3f} bpp",
            f"  quality  {facts['quality']:g}",
            f"  model    {facts['model'] or 'not on this machine'} (generation {facts['generation']})",
            f"  coding   profile {facts['profile']}, symbol hash {facts['symbol_hash']}",
            f"  chunks   {chunks}",
        )
    )
