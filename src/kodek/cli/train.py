"""``kodek train`` and ``kodek export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .errors import Code, Failure

OWN_DATA = "the user's own data"


def train(
    codec: Annotated[
        str, typer.Argument(metavar="CODEC", help="What to train: image-hyperprior, image-mlic or audio-rvq.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run.")],
    data: Annotated[
        str | None,
        typer.Option("--data", help="A folder, a text file with a path a line, or torchvision:NAME."),
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", metavar="YAML", help="Recipe; the codec's own by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in RUN stopped.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Replace a key of the recipe, such as task.model.width; repeatable."
        ),
    ] = None,
    threads: options.Threads = None,
) -> int:
    """Train a codec; Ctrl-C saves, and --resume goes on."""
    overrides = _overrides(settings or [])
    from kodek.train import Interrupted, run

    from .torch_setup import set_up

    if threads is not None:  # the recipe is read without torch
        set_up(threads)
    try:
        weights = run(codec, data, out, recipe, resume, overrides)
    except Interrupted as stopped:
        print(f"kodek: {stopped}", file=sys.stderr)
        return Code.INTERRUPTED
    print(f"{weights}: trained; `kodek export {out} FOLDER` makes a model of it.")
    return Code.OK


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the model goes.")],
    name: Annotated[str | None, typer.Option("--name", help="Of the model; the folder's name by default.")] = None,
    data: Annotated[str, typer.Option("--data", help="What it was trained on, for the card.")] = OWN_DATA,
    licence: Annotated[str, typer.Option("--licence", help="Of the weights, for the card.")] = "unspecified",
    last: Annotated[bool, typer.Option("--last", help="The last weights, not those that validated best.")] = False,
    force: options.Force = False,
) -> None:
    """Make a model that codes of a training run: integer networks, tables, calibrated quality and a card."""
    from kodek.codecs.zoo import CARD, WEIGHTS

    if (folder / WEIGHTS).exists() and not force:
        raise Failure(Code.OUTPUT, f"{folder / WEIGHTS} exists already (--force overwrites it).")
    from kodek.train import export_run

    try:
        export_run(run, folder, {"name": name or folder.resolve().name, "data": data, "licence": licence}, not last)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{folder} can't be written: {error.strerror or error}.") from error
    print((folder / CARD).read_text("utf-8"))


def _overrides(settings: list[str]) -> dict[str, Any]:
    """``["steps=1000"]`` -> ``{"steps": 1000}``; values are YAML."""
    import yaml

    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise Failure(Code.USAGE, f"--set takes KEY=VALUE, not '{setting}'.")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise Failure(Code.USAGE, f"--set {key}: '{value}' is not YAML.") from error
    return overrides
