"""The options that several commands share."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)")
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(?:([kmg])(i)?)?b?", re.IGNORECASE)
_REGION = re.compile(r"\d{1,9}(,\d{1,9}){3}")
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


def parse_size(text: object) -> int:
    """``"50KB"`` -> 50 000; ``"50KiB"`` -> 51 200; ``"1.5m"`` -> 1 500 000."""
    match = _SIZE.fullmatch(str(text).strip())
    power = " kmg".index((match[2] or " ").lower()) if match else 0
    size = int(float(match[1]) * (1024 if match[3] else 1000) ** power) if match else 0
    if size < 1:
        raise typer.BadParameter(f"'{text}' is not a size such as 50KB, 50KiB or 50000.")
    return size


def parse_positive(text: object) -> float:
    """``"0.5"`` -> 0.5."""
    try:
        number = float(str(text))
    except ValueError:
        number = 0.0
    if not (number > 0 and math.isfinite(number)):
        raise typer.BadParameter(f"'{text}' is not a positive number.")
    return number


def parse_region(text: object) -> tuple[int, ...]:
    """``"100,50,512,256"`` -> (100, 50, 512, 256)."""
    if not _REGION.fullmatch(str(text)):
        raise typer.BadParameter(f"'{text}' is not a region in pixels such as 100,50,512,256: x, y, width, height.")
    return tuple(int(number) for number in str(text).split(","))


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

_QUALITY_HELP = "0 is smallest, 100 is best; decimals are fine."
Quality = Annotated[float, typer.Option("--quality", "-q", min=0, max=100, help=_QUALITY_HELP)]
QualityUnlessTarget = Annotated[
    float | None,
    typer.Option("--quality", "-q", min=0, max=100, show_default=str(DEFAULT_QUALITY), help=_QUALITY_HELP),
]
TargetSize = Annotated[
    int | None,
    typer.Option(
        "--target-size",
        parser=parse_size,
        metavar="SIZE",
        help="Of the file at most, such as 50KB (50 000 bytes) or 50KiB (51 200), in place of a quality.",
    ),
]
TargetBpp = Annotated[
    float | None,
    typer.Option(
        "--target-bpp", parser=parse_positive, metavar="BPP", help="Bits per pixel at most, of the whole file."
    ),
]
TargetPsnr = Annotated[
    float | None,
    typer.Option("--target-psnr", parser=parse_positive, metavar="DB", help="PSNR at least, in the smallest file."),
]
TargetKbps = Annotated[
    float | None,
    typer.Option(
        "--target-kbps", parser=parse_positive, metavar="KBPS", help="Sound: kbit/s at most, of the whole file."
    ),
]
Live = Annotated[
    bool, typer.Option("--live", help="Sound as it comes: a packet every 40 ms, in place of a file. See docs/cli.md.")
]
RawRate = Annotated[
    int | None,
    typer.Option(
        "--rate", min=1000, max=768_000, help="With --live: stdin is raw 16-bit samples at this rate, no WAV."
    ),
]
RawChannels = Annotated[
    int | None, typer.Option("--channels", min=1, max=8, show_default="1", help="Of raw samples, interleaved.")
]
Depth = Annotated[
    Literal["16", "24", "32f"], typer.Option("--depth", help="Bits of sound's samples; 32f: floats, in WAV only.")
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Sound: silence for what is damaged or cut off, and exit code 9.")
]
Stages = Annotated[int | None, typer.Option("--stages", min=1, help="Of the quantiser, at most.")]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Name from `kodek models`, a codec for its newest, or a path.")
]
Effort = Annotated[
    int,
    typer.Option(
        "--effort", min=0, max=3, help="Time spent on a smaller file of the same quality, to minutes a megapixel."
    ),
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that exist.")]
Region = Annotated[
    tuple | None,
    typer.Option(
        "--region",
        parser=parse_region,
        metavar="X,Y,WIDTH,HEIGHT",
        help="Decode only this part, in pixels; of a large picture only the tiles are read that it touches.",
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", "-t", min=1, max=1024, help="CPU threads to use.")]
Device = Annotated[str, typer.Option("--device", parser=parse_device, metavar="DEVICE", help="cpu, cuda, cuda:1, mps.")]
Strip = Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and tags out; the ICC profile stays.")]
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


@dataclass(frozen=True)
class Shared:
    """Options that encoding and decoding of all media have. single: one file only, which may have a bar of its own."""

    strip: bool
    force: bool
    threads: int | None
    device: str
    single: bool
