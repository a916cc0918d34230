"""``kodek demo``: the main job, on photographs that come with the package."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .errors import Code, Failure
from .streams import SUFFIX, output

MEDIA = Path(__file__).parents[1] / "media"
QUALITIES = (10, 30, 50, 70, 90)


def demo(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the .kdk files and the decoded pictures in this folder."),
    ] = None,
    model: options.Model = None,
    threads: options.Threads = None,
) -> None:
    """Encode and decode bundled photographs at several qualities, beside JPEG and WebP of similar size."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from kodek.datasets import find_images

    from .. import api
    from .torch_setup import set_up

    codec = api.load_for("image", model, "cpu")
    set_up(threads)
    photos = [path for path in find_images(str(MEDIA)) if isinstance(path, Path)]
    table = Table(title=f"{len(photos)} photographs with {codec.name}; JPEG and WebP at the nearest size")
    table.add_column("photograph")
    for column in ("quality", "bytes", "bpp", "PSNR", "JPEG bytes", "PSNR", "WebP bytes", "PSNR"):
        table.add_column(column, justify="right")
    start = time.monotonic()
    with _folder(out) as folder:
        jobs = [(photo, quality) for photo in photos for quality in QUALITIES]
        for photo, quality in track(jobs, "", console=Console(stderr=True), transient=True):
            table.add_row(*_row(photo, quality, codec, folder), end_section=quality == QUALITIES[-1])
    Console(width=max(Console().width, 90)).print(table)
    print(f"PSNR is in dB. {len(jobs)} files, {time.monotonic() - start:.1f} s in all.")
    print(f"{out}: the files." if out else "--out FOLDER keeps the files.")


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
