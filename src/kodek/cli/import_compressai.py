"""``kodek import-compressai``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kodek.codecs.image.compressai_names import Architecture

from . import options
from .errors import Code, Failure


def import_compressai(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Of CompressAI's zoo, or your own.")],
    arch: Annotated[Architecture, typer.Option("--arch", help="Its architecture, as CompressAI names it.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the model goes.")],
    name: Annotated[str | None, typer.Option("--name", help="Of the model; the checkpoint's by default.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="What it was trained on, for the card.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="Of the weights, for the card.")] = "unspecified",
    force: options.Force = False,
) -> None:
    """Make a model that codes of a checkpoint of CompressAI: integer networks and tables, one rate."""
    from kodek.codecs.zoo import CARD, WEIGHTS

    if (out / WEIGHTS).exists() and not force:
        raise Failure(Code.OUTPUT, f"{out / WEIGHTS} exists already (--force overwrites it).")
    if not checkpoint.is_file():
        raise Failure(Code.INPUT, f"{checkpoint} is not a file.")
    from kodek.codecs.image.compressai_import import default_name, import_checkpoint

    metadata = {"name": name or default_name(checkpoint), "licence": licence}
    if data is not None:
        metadata["data"] = data
    try:
        import_checkpoint(checkpoint, arch, out, metadata)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{out} can't be written: {error.strerror or error}.") from error
    print((out / CARD).read_text("utf-8"))
    print(f"`kodek encode --model {out}` uses it; `kodek decode` finds it where KODEK_MODELS names {out}.")
