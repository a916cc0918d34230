"""``kodek bench``: speed, memory and proofs, a command each."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kodek.codecs.image.compressai_names import ARCHITECTURES

from . import bench_sound, options
from .bench_output import progress_bar, say, say_of_files
from .errors import Code

if TYPE_CHECKING:
    from kodek.codecs.image.target import Target

bench = typer.Typer(add_completion=False, rich_markup_mode=None)

_ALL = ",".join(ARCHITECTURES)
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")


def _sizes(text: str) -> list[tuple[int, int]]:
    """``"96x80,1x1"`` -> (width, height) of each."""
    found = [_SIZE.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise typer.BadParameter(f"'{text}' are not sizes such as 96x80,33x47.")
    return [(int(match[1]), int(match[2])) for match in found if match]


def _qualities(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 <= number <= 100 for number in numbers):
        raise typer.BadParameter(f"'{text}' are not qualities such as 0,50,100.")
    return numbers


def _architectures(text: str) -> list[str]:
    found = options.names(text)
    if not found or not set(found) <= set(ARCHITECTURES):
        raise typer.BadParameter(f"'{text}' are not architectures such as {ARCHITECTURES[0]},{ARCHITECTURES[2]}.")
    return found


def _efforts(text: str) -> list[int]:
    found = options.names(text)
    if not found or not set(found) <= {"1", "2", "3"}:
        raise typer.BadParameter(f"'{text}' are not efforts such as 1,3.")
    return [int(name) for name in found]


def _targets(text: str) -> dict[str, Target]:
    """``"15KB,0.5bpp,35dB"`` -> the target of each of these names."""
    from kodek.codecs.image.target import Target

    found = {}
    for name in options.names(text):
        number, unit = name[:-3], name[-3:].lower()
        if unit == "bpp":
            found[name] = Target(bpp=options.parse_positive(number))
        elif unit.endswith("db"):
            found[name] = Target(psnr=options.parse_positive(name[:-2]))
        else:
            found[name] = Target(size=options.parse_size(name))
    if not found:
        raise typer.BadParameter("There is no target, such as 15KB, 0.5bpp or 35dB.")
    return found


@bench.callback(invoke_without_command=True)
def _main(context: typer.Context) -> None:
    """Measure this machine's speed and memory, or prove that files are exact and as short as they should be."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@bench.command()
def entropy(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each coder, in turn; the best counts.")] = 15,
    json: options.Json = False,
) -> int:
    """The entropy coder beside CompressAI and constriction."""
    from kodek.eval.bench import entropy as module

    return say(module.run(repeats), module.report, json)


@bench.command()
def codec(
    model: options.Model = None,
    quality: options.Quality = options.DEFAULT_QUALITY,
    threads: options.Threads = None,
    image: Annotated[Path | None, typer.Option("--image", help="8-bit RGB; a photo of 768 x 512 by default.")] = None,
    rows: Annotated[
        Path | None,
        typer.Option("--rows", metavar="RESULTS", exists=True, help="Of `kodek eval` on Kodak: rate at equal PSNR."),
    ] = None,
    malloc: Annotated[Literal["tuned", "default"], typer.Option("--malloc", help="For all codecs.")] = "tuned",
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each codec, in turn.")] = 9,
    json: options.Json = False,
) -> int:
    """Encoding and decoding time beside CompressAI's mbt2018_mean."""
    from kodek.eval.bench import codec as module

    result = module.run(image, model, quality=quality, repeats=repeats, threads=threads, malloc=malloc, rows=rows)
    return say(result, module.report, json)


@bench.command()
def memory(
    width: Annotated[int, typer.Option("--width", min=1, max=65535, help="Of the photo.")] = 6000,
    height: Annotated[int, typer.Option("--height", min=1, max=65535, help="Of the photo.")] = 4000,
    model: options.Model = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of the sound, with a model of sound.")] = 3600,
    quality: options.Quality = options.DEFAULT_QUALITY,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Peak memory of encode and decode on a large photo, or on an hour of sound."""
    from kodek.eval.bench import memory as module

    with progress_bar() as progress:
        result = module.run(
            model,
            width=width,
            height=height,
            seconds=seconds,
            quality=quality,
            threads=threads,
            progress=progress,
        )
    return say(result, module.report, json)


@bench.command()
def tiles(
    model: options.Model = None,
    quality: options.Quality = options.DEFAULT_QUALITY,
    threads: options.Threads = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="8-bit RGB, mirrored; the bundled photo if none.")
    ] = None,
    width: Annotated[int, typer.Option("--width", min=1, max=65535, help="Of the picture with seams.")] = 6000,
    height: Annotated[int, typer.Option("--height", min=1, max=65535, help="Of the picture with seams.")] = 4000,
    megapixels: Annotated[int, typer.Option("--megapixels", min=16, help="Of the picture that needs memory.")] = 100,
    json: options.Json = False,
) -> int:
    """Seams between tiles, memory of a huge picture, and the time of a region."""
    from kodek.eval.bench import tiles as module

    with progress_bar() as progress:
        result = module.run(
            model,
            image=image,
            size=(width, height),
            megapixels=megapixels,
            quality=quality,
            threads=threads,
            progress=progress,
        )
    return say(result, module.report, json)


@bench.command()
def exactness(
    model: options.Model = None,
    sizes: Annotated[
        Any, typer.Option("--sizes", parser=_sizes, metavar="WxH,...", help="Of pictures; channels x frames of sounds.")
    ] = None,
    json: options.Json = False,
) -> int:
    """Prove that decoding is exact, and that the proof can fail."""
    from kodek.eval.bench import exactness as module

    with progress_bar() as progress:
        result = module.run(model, sizes, progress)
    return say(result, module.report, json)


@bench.command()
def estimate(
    data: Annotated[str, typer.Option("--data", help="A folder, a picture, or a text file with a path a line.")],
    model: options.Model = None,
    qualities: Annotated[
        Any, typer.Option("--qualities", parser=_qualities, metavar="Q,...", help="Of every picture.")
    ] = "0,10,20,30,40,50,60,70,80,90,100",
    json: options.Json = False,
) -> int:
    """Check file lengths against the model's own estimates."""
    from kodek.eval.bench import estimate as module

    with progress_bar() as progress:
        result = module.run(data, model, qualities, progress)
    return say_of_files(result, module.report, json)


@bench.command()
def target(
    data: Annotated[str, typer.Option("--data", help="A folder, a picture, or a text file with a path a line.")],
    model: options.Model = None,
    targets: Annotated[
        Any, typer.Option("--targets", parser=_targets, metavar="TARGET,...", help="Sizes, rates and PSNRs.")
    ] = "15KB,25KB,40KB,0.5bpp,32dB",
    threads: options.Threads = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each, in turn; the median counts.")] = 3,
    json: options.Json = False,
) -> int:
    """How well and how fast target sizes, rates and PSNRs are met."""
    from kodek.eval.bench import target as module

    from .torch_setup import set_up

    set_up(threads)
    with progress_bar() as progress:
        result = module.run(data, model, targets, repeats=repeats, progress=progress)
    return say_of_files(result, module.report, json)


@bench.command()
def effort(
    data: Annotated[str, typer.Option("--data", help="A folder, a picture, or a text file with a path a line.")],
    model: options.Model = None,
    efforts: Annotated[
        Any, typer.Option("--efforts", parser=_efforts, metavar="N,...", help="To compare with effort 0.")
    ] = "1,2,3",
    qualities: Annotated[
        Any, typer.Option("--qualities", parser=_qualities, metavar="Q,...", help="Of every picture.")
    ] = "20,40,60,80",
    crop: Annotated[int | None, typer.Option("--crop", min=16, help="Side of the centre that is taken.")] = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """What `kodek encode --effort` gains and costs."""
    from kodek.eval.bench import effort as module

    from .torch_setup import set_up

    set_up(threads)
    with progress_bar() as progress:
        result = module.run(data, model, efforts, qualities, crop=crop, progress=progress)
    return say_of_files(result, module.report, json)


@bench.command()
def imported(
    arch: Annotated[
        Any, typer.Option("--arch", parser=_architectures, metavar="NAME,...", help="As CompressAI names them.")
    ] = _ALL,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", exists=True, help="Of the one --arch, instead of random weights.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="8-bit RGB, sides multiples of 64; a photo of 768 x 512 by default.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=0, help="Of training the random weights on the photo.")] = 0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each codec, in turn.")] = 3,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Models imported from CompressAI beside CompressAI itself: symbols, pixels, bytes, time."""
    from kodek.eval.bench import imported as module

    with progress_bar() as progress:
        result = module.run(
            arch,
            checkpoint=checkpoint,
            image=image,
            steps=steps,
            repeats=repeats,
            threads=threads,
            progress=progress,
        )
    return say(result, module.report, json)


@bench.command()
def profile(
    model: options.Model = None,
    quality: options.Quality = options.DEFAULT_QUALITY,
    threads: options.Threads = None,
    width: Annotated[int, typer.Option("--width", min=1, max=4096, help="Of the photo.")] = 768,
    height: Annotated[int, typer.Option("--height", min=1, max=4096, help="Of the photo.")] = 512,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="The median counts.")] = 9,
    json: options.Json = False,
) -> int:
    """Where decoding time goes, part by part."""
    from kodek.eval.bench import profile as module

    result = module.run(model, size=(width, height), quality=quality, repeats=repeats, threads=threads)
    return say(result, module.report, json)


@bench.command()
def ablation(
    data: Annotated[str, typer.Option("--data", help="To train on: a folder, or a text file with a path a line.")],
    test: Annotated[str, typer.Option("--test", help="To measure on: pictures that are not in DATA.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Of the models; what is finished is kept.")],
    presets: Annotated[
        str | None, typer.Option("--presets", help="Comma-separated; the first is what others are compared with.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of training, for each.")] = 1000,
    transforms: Annotated[
        Path | None, typer.Option("--transforms", metavar="STATE", exists=True, help="Of a run: where all start from.")
    ] = None,
    qualities: Annotated[
        Any, typer.Option("--qualities", parser=_qualities, metavar="Q,...", help="To measure at.")
    ] = "10,40,70,90",
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of each decoding, in turn.")] = 5,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; one a core by default.")] = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> int:
    """Train priors alike over the same transforms; rate at equal PSNR and decoding time of each."""
    from kodek.eval.bench import ablation as module
    from kodek.train import Interrupted, extra

    with extra():
        from kodek.train import ablation as training
    from .torch_setup import set_up

    set_up(threads)
    names = options.names(presets) if presets else training.DEFAULT
    for name in names:
        if name not in training.MEMBERS:
            raise typer.BadParameter(f"There is no preset {name}; there are: {', '.join(training.MEMBERS)}.")
    members = {name: training.MEMBERS[name] for name in names}
    try:
        models = training.train_members(members, data, out, steps, transforms or training.TRANSFORMS)
    except Interrupted:
        print(f"kodek: stopped; the same command goes on in {out}.", file=sys.stderr)
        return Code.INTERRUPTED
    with progress_bar() as progress:
        result = module.run(
            models,
            test,
            out,
            qualities=qualities,
            repeats=repeats,
            jobs=jobs,
            threads=threads,
            progress=lambda _, done, total, what: progress(done, total, what),
        )
    return say(result, module.report, json)


for _command in (bench_sound.stream, bench_sound.codes, bench_sound.damage, bench_sound.quantisers):
    bench.command()(_command)
