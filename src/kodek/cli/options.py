"""The options that several commands share."""

import re
from typing import Annotated

import typer

_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)")
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_DEVICE = re.compile(r"[a-z]+(:\d+)?")


def parse_count(text: object) -> int:
    """``"1M"`` -> 1 000 000."""
    match = _COUNT.fullmatch(str(text))
    count = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if count < 1:
        raise typer.BadParameter(f"'{text}' is not a number of pixels such as 24M or 500k.")
    return count


def parse_device(text: str) -> str:
    """Only the form: whether torch has such a device is seen when it is loaded."""
    if not _DEVICE.fullmatch(text):
        raise typer.BadParameter(f"'{text}' is not a device such as cpu or cuda:1.")
    return text


def parse_interval(text: object) -> tuple[float, float]:
    """``"28-36"`` -> (28, 36); the default comes as it is."""
    if isinstance(text, tuple):
        return text
    match = _INTERVAL.fullmatch(str(text))
    low, high = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    if not low < high:
        raise typer.BadParameter(f"'{text}' is not an interval such as 28-36.")
    return low, high


def names(text: str) -> list[str]:
    """``"psnr, ssim"`` -> ["psnr", "ssim"]."""
    return [name.strip() for name in text.split(",") if name.strip()]


DEFAULT_INTERVAL = (28.0, 36.0)
DEFAULT_QUALITY = 50.0
DEFAULT_MAX_PIXELS = 200_000_000

Quality = Annotated[
    float,
    typer.Option("--quality", "-q", min=0, max=100, help="0 is smallest, 100 is best; decimals are fine."),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Name from `kodek models`, or path of a weights file.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that exist.")]
Threads = Annotated[int | None, typer.Option("--threads", "-t", min=1, max=1024, help="CPU threads to use.")]
Device = Annotated[str, typer.Option("--device", parser=parse_device, metavar="DEVICE", help="cpu, cuda, cuda:1, mps.")]
Strip = Annotated[bool, typer.Option("--strip", help="Leave EXIF and XMP out; the ICC profile stays.")]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        parser=parse_count,
        metavar="COUNT",
        show_default="200M",
        help="Refuse larger pictures before they are decoded, such as 24M.",
    ),
]
Interval = Annotated[
    tuple,
    typer.Option(
        "--interval", parser=parse_interval, metavar="LOW-HIGH", show_default="28-36", help="Of the BD-rate, in dB."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
