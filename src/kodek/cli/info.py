"""``kodek info``."""

from __future__ import annotations

import json as json_module
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .batch import each
from .streams import input_name, naming, read_bytes
from .summary import sound_words

if TYPE_CHECKING:
    from kodek.codecs.container import AudioHeader, Bytes, Contents, ImageHeader, Limits


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
    from kodek.codecs.container import VERSION, AudioHeader, ChunkKind, ImageHeader, expect, read, read_header

    data = read_bytes(file, limits)
    with naming(file):
        read(data, limits)  # for its checksums
        contents = read_header(data, limits)
    chunks = Counter[str]()
    for entry in contents.entries:
        chunks[entry.name] += entry.size
    facts: dict[str, Any] = {"file": input_name(file), "bytes": len(data), "version": VERSION}
    header: AudioHeader | ImageHeader
    if isinstance(contents.header, AudioHeader):
        header = contents.header
        facts |= _of_sound(header, len(data))
        facts["tags"] = _tags(data, contents)
    else:
        header = expect(ImageHeader, contents.header)
        facts |= _of_picture(header, len(data)) | {"alpha": ChunkKind.ALPHA.name in chunks}
    return facts | {
        "model": _model(header.generation),
        "generation": header.generation.hex(),
        "profile": header.profile,
        "symbol_hash": f"{header.symbol_hash:08x}",
        "chunks": dict(chunks),
    }


def _of_picture(header: ImageHeader, size: int) -> dict[str, Any]:
    return {
        "width": header.width,
        "height": header.height,
        "mode": header.mode,
        "depth": header.depth,
        "bpp": round(8 * size / (header.width * header.height), 4),
        "quality": _quality(header.position),
    }


def _of_sound(header: AudioHeader, size: int) -> dict[str, Any]:
    return {
        "channels": header.channels,
        "rate": header.rate,
        "length": header.length,
        "seconds": round(header.seconds, 3),
        "kbps": round(size / header.seconds / 125, 4),
        "stages": header.stages,
    }


def _tags(data: Bytes, contents: Contents) -> dict[str, str]:
    from kodek.codecs.audio.tags import read_tags
    from kodek.codecs.container import ChunkKind, read_chunk

    found = [entry for entry in contents.entries if entry.kind == ChunkKind.TAGS]
    return read_tags(read_chunk(data, found[0])) if found else {}


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
    chunks = ", ".join(f"{name} {size}" for name, size in facts["chunks"].items())
    return "\n".join(
        (
            *(_text_of_sound(facts) if "rate" in facts else _text_of_picture(facts)),
            f"  model    {facts['model'] or 'not on this machine'} (generation {facts['generation']})",
            f"  coding   profile {facts['profile']}, symbol hash {facts['symbol_hash']}",
            f"  chunks   {chunks}",
        )
    )


def _text_of_picture(facts: dict[str, Any]) -> list[str]:
    mode = facts["mode"] + (" + alpha" if facts["alpha"] else "")
    return [
        f"{facts['file']}: {facts['width']} x {facts['height']} {mode}, {facts['depth']} bits a sample",
        f"  size     {facts['bytes']} bytes, {facts['bpp']:.3f} bpp",
        f"  quality  {facts['quality']:g}",
    ]


def _text_of_sound(facts: dict[str, Any]) -> list[str]:
    return [
        f"{facts['file']}: {sound_words(facts['channels'], facts['rate'], facts['length'])}",
        f"  size     {facts['bytes']} bytes, {facts['kbps']:.3f} kbit/s",
        f"  stages   {facts['stages']}",
        *(f"  {name:8} {' '.join(value.split())}" for name, value in facts["tags"].items()),
    ]
