"""``kodek demo``: the main job, on photographs and recordings that come with the package."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .errors import Code, Failure
from .streams import SUFFIX, output

MEDIA = Path(__file__).parents[1] / "media"
QUALITIES = (10, 30, 50, 70, 90)
TARGETS = (1.5, 3.0, 6.0)  # kbit/s


def demo(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the .kdk files and what they decode to in this folder."),
    ] = None,
    model: options.Model = None,
    threads: options.Threads = None,
) -> None:
    """Encode and decode bundled photographs and recordings, beside conventional codecs at similar sizes."""
    from kodek.codecs import zoo

    kinds = [zoo.find(model).kind] if model else ["image", "audio"]
    start = time.monotonic()
    with _folder(out) as folder:
        for kind, media in (("image", _pictures), ("audio", _sounds)):
            if kind in kinds:
                media(model, threads, folder)
    print(f"{time.monotonic() - start:.1f} s in all.", f"{out}: the files." if out else "--out FOLDER keeps the files.")


def _pictures(model: str | None, threads: int | None, folder: Path) -> None:
    from kodek.datasets import find_images

    from .. import api
    from .torch_setup import set_up

    codec = api.load_for("image", model, "cpu")
    set_up(threads)
    photos = [path for path in find_images(str(MEDIA)) if isinstance(path, Path)]
    _table(
        f"{len(photos)} photographs with {codec.name}; JPEG and WebP at the nearest size; PSNR in dB",
        ("photograph", "quality", "bytes", "bpp", "PSNR", "JPEG bytes", "PSNR", "WebP bytes", "PSNR"),
        [[partial(_row, photo, quality, codec, folder) for quality in QUALITIES] for photo in photos],
    )


def _sounds(model: str | None, threads: int | None, folder: Path) -> None:
    from kodek.datasets import find_audio

    from .. import api
    from . import demo_sounds
    from .torch_setup import SOUND_THREADS, set_up

    codec = api.load_for("audio", model, "cpu")
    set_up(threads or SOUND_THREADS)
    recordings = find_audio(str(MEDIA))
    _table(
        f"{len(recordings)} recordings with {codec.name}; Opus and MP3 at the nearest size; distances of spectra",
        ("recording", *demo_sounds.COLUMNS),
        [[partial(demo_sounds.row, path, target, codec, folder) for target in TARGETS] for path in recordings],
    )


def _table(title: str, columns: Sequence[str], groups: Sequence[Sequence[Callable[[], list[str]]]]) -> None:
    """A row for each job, a line under each group of them."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    jobs = [(job, job is group[-1]) for group in groups for job in group]
    for job, last in track(jobs, "", console=Console(stderr=True), transient=True):
        table.add_row(*job(), end_section=last)
    Console(width=max(Console().width, 90)).print(table)


def _row(photo: Path, quality: int, codec: Any, folder: Path) -> list[str]:
    """Encode to a file, decode that file, and measure against the original."""
    from kodek.codecs.container import Limits
    from kodek.datasets import Picture, read_picture, write_picture
    from kodek.eval.measures.distance import psnr

    from .. import api, arrays

    original = Picture(read_picture(photo).pixels)  # pixels only: metadata weighs the same in every format
    coded = folder / f"{photo.stem}-{quality}{SUFFIX}"
    with output(str(coded), overwrite=True) as file:
        file.write(api.encode_picture(original, quality, codec))
    decoded = api.decode_picture(coded.read_bytes(), Limits())
    write_picture(coded.with_suffix(".png"), decoded)
    size = coded.stat().st_size
    cells = [str(size), f"{8 * size / (original.width * original.height):.3f}"]
    cells.append(f"{psnr(original.pixels, decoded.pixels):.2f}")
    for name, settings in _ANCHORS.items():
        other_size, pixels = _nearest(arrays.to_pil(original), size, name, settings)
        cells += [str(other_size), f"{psnr(original.pixels, pixels):.2f}"]
    return [photo.stem, str(quality), *cells]


_ANCHORS: dict[str, dict[str, Any]] = {
    "JPEG": {"optimize": True, "progressive": True},
    "WEBP": {"method": 6},
}


def _nearest(image: Any, size: int, name: str, settings: dict[str, Any]) -> tuple[int, Any]:
    """Bytes and decoded pixels of the file nearest to `size` that the format makes at any quality."""
    import io

    from kodek.datasets import read_picture

    def at(quality: int) -> io.BytesIO:
        file = io.BytesIO()
        image.save(file, name, quality=quality, **settings)
        return file

    low, high = 0, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle).tell() <= size else (low, middle)
    best = min((at(low), at(high)), key=lambda file: abs(file.tell() - size))
    length = best.tell()
    best.seek(0)
    pixels = read_picture(best).pixels
    return length, pixels if image.mode != "L" else pixels[:, :, :1]


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(Code.OUTPUT, f"{out} can't be a folder: {error.strerror or error}.") from error
    yield out
