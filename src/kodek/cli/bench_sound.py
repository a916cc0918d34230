"""``kodek bench``: the benchmarks of sound."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .bench_output import progress_bar, say, say_of_files
from .errors import Code

Sound = Annotated[Path | None, typer.Option("--sound", exists=True, help="A file; a made-up sound if none.")]


def _counts(text: str) -> list[int]:
    found = options.names(text)
    if not found or not all(name.isdecimal() and int(name) for name in found):
        raise typer.BadParameter(f"'{text}' are not numbers of stages such as 6,12.")
    return [int(name) for name in found]


def stream(
    model: options.Model = None,
    sound: Sound = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of the made-up sound.")] = 5,
    long: Annotated[
        float, typer.Option("--long", min=0, help="Seconds of sound for memory and speed; 0 for neither.")
    ] = 3600,
    stages: Annotated[
        int | None, typer.Option("--stages", min=1, help="Of the short sounds; quality 50's if none.")
    ] = None,
    quality: options.Quality = options.DEFAULT_QUALITY,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Whether streamed sound is the same as whole; live delay and framing; memory and speed of an hour."""
    from kodek.eval.bench import stream as module

    with progress_bar() as progress:
        result = module.run(
            model,
            sound=sound,
            seconds=seconds,
            long=long,
            stages=stages,
            quality=quality,
            threads=threads,
            progress=progress,
        )
    return say(result, module.report, json)


def codes(
    data: Annotated[
        str, typer.Option("--data", help="A folder of sounds, a sound, or a text file with a path a line.")
    ],
    model: options.Model = None,
    stages: Annotated[
        Any,
        typer.Option(
            "--stages",
            parser=_counts,
            metavar="N,...",
            help="Not steady, whose true payloads are coded; default: 6,12.",
        ),
    ] = "6,12",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many files.")] = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Bits of codes by stage, at fixed length, by static tables and coded; how well codebooks are used."""
    from kodek.eval.bench import codes as module

    from .torch_setup import set_up

    set_up(threads)
    with progress_bar() as progress:
        result = module.run(data, model, stages, limit, progress)
    return say_of_files(result, module.report, json)


def damage(
    model: options.Model = None,
    sound: Sound = None,
    seconds: Annotated[float, typer.Option("--seconds", min=3, help="Of the made-up sound.")] = 8,
    stages: Annotated[int | None, typer.Option("--stages", min=1, help="Of the file; quality 50's if none.")] = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """What one damaged second of a sound costs, and whether it is named."""
    from kodek.eval.bench import damage as module

    from .torch_setup import set_up

    set_up(threads)
    with progress_bar() as progress:
        result = module.run(model, sound=sound, seconds=seconds, stages=stages, progress=progress)
    return say(result, module.report, json)


def quantisers(
    data: Annotated[str, typer.Option("--data", help="To train on: a folder, or a text file with a path a line.")],
    test: Annotated[str, typer.Option("--test", help="To measure on: sounds that are not in DATA.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Of the models; what is finished is kept.")],
    members: Annotated[
        str | None,
        typer.Option(
            "--quantisers",
            help="Comma-separated: rvq, grouped, masked, single, fsq, waveform (rvq of the other transform); or all.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of training, for each.")] = 1000,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; one a core by default.")] = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Train quantisers of sound alike, and measure them at equal rates."""
    from kodek.eval.bench import quantisers as module
    from kodek.train import Interrupted, extra

    with extra():
        from kodek.train import quantisers as training
    from .torch_setup import set_up

    set_up(threads)
    names = options.names(members) if members else list(training.MEMBERS)
    for name in names:
        if name not in training.MEMBERS:
            raise typer.BadParameter(f"There is no quantiser {name}; there are: {', '.join(training.MEMBERS)}.")
    try:
        models = training.train_quantisers({name: training.MEMBERS[name] for name in names}, data, out, steps)
    except Interrupted:
        print(f"kodek: stopped; the same command goes on in {out}.", file=sys.stderr)
        return Code.INTERRUPTED
    with progress_bar() as progress:
        result = module.run(
            models, test, out, jobs=jobs, progress=lambda _, done, total, what: progress(done, total, what)
        )
    return say(result, module.report, json)
