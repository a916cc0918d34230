"""What is for pictures and what for sound: options and formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import typer

from .errors import Code, Failure
from .streams import input_name

if TYPE_CHECKING:
    from kodek.codecs.header import Kind

NOUNS: Mapping[Kind, str] = {"image": "pictures", "audio": "sound"}
DEFAULT_SUFFIX: Mapping[Kind, str] = {"image": ".png", "audio": ".wav"}
SOUND_SUFFIXES = (".flac", ".wav")
_BITS = {"16": 16, "24": 24, "32f": 32}

_OPTIONS: Mapping[str, Kind] = {
    **dict.fromkeys(("target_size", "target_bpp", "target_psnr", "effort", "region"), "image"),
    **dict.fromkeys(("target_kbps", "rate", "channels", "partial", "depth", "live"), "audio"),
}
_NOT_LIVE = ("target_kbps", "partial", "strip", "json")


def check_options(context: typer.Context, kind: Kind, source: str) -> None:
    """Raise Failure for an option on the command line that is for other media than `source`, which is of `kind`."""
    for name, option in _given(context):
        if _OPTIONS.get(name, kind) != kind:
            wanted, found = NOUNS[_OPTIONS[name]], NOUNS[kind]
            raise Failure(Code.USAGE, f"{option} is for {wanted}, but {input_name(source)} holds {found}.")


def check_live(context: typer.Context, source: str) -> None:
    """Raise Failure for an option on the command line that a live stream has no use for."""
    check_options(context, "audio", source)
    for name, option in _given(context):
        if name in _NOT_LIVE:
            raise Failure(Code.USAGE, f"{option} is for files, so it can't be with --live.")


def _given(context: typer.Context) -> Iterator[tuple[str, str]]:
    """The parameters that are on the command line, and how they are written there."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            yield name, f"--{name.replace('_', '-')}"


def writable(kind: Kind) -> frozenset[str]:
    """The suffixes of the formats that are written."""
    from kodek.datasets import WRITABLE_SUFFIXES

    return frozenset(WRITABLE_SUFFIXES if kind == "image" else SOUND_SUFFIXES)


def suffix_of(text: str, *kinds: Kind) -> str:
    """``"png"`` or ``".PNG"`` -> ``".png"``, if media of one of the kinds can be written so."""
    suffix = f".{text.lower().removeprefix('.')}"
    known = frozenset[str]().union(*map(writable, kinds))
    if suffix not in known:
        nouns = " or ".join(NOUNS[kind] for kind in kinds)
        names = " ".join(sorted(known))
        raise Failure(Code.USAGE, f"'{text}' is not a suffix that {nouns} can be written with ({names}).")
    return suffix


def bits_of(suffix: str, depth: str) -> int:
    """Bits of a sample. Raises Failure for a depth that the format of sound doesn't have."""
    from kodek.datasets import FLAC_BITS

    bits = _BITS[depth]
    if suffix == ".flac" and bits not in FLAC_BITS:
        raise Failure(Code.USAGE, f"FLAC has samples of 16 or 24 bits: --depth {depth} is for WAV.")
    return bits
