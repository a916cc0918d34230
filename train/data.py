"""From what the user calls the data to a store of training media and a list of those held out."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from kodek.datasets import MediaError, Picture, find_audio, find_images, sound_store, store
from kodek.datasets.memory_map import group_of

from .errors import TrainError

Source: TypeAlias = Path | Picture
HELD_OUT = 40  # to validate on
HELD_OUT_SHARE = 0.05  # at most, of a small collection


@dataclass(frozen=True)
class Media:
    """A kind of media: what they are called, how they are found and stored (see kodek.datasets), with which setting.

    enough: what the data must hold at least one of.
    """

    plural: str
    find: Callable[[str], Sequence[Source]]
    build: Callable[[Iterable[Any], Path], list[str]]
    suffix: str
    enough: str
    setting: int


def pictures(smallest: int) -> Media:
    """smallest: side of the smallest crop in pixels."""
    build = partial(store.build_store, smallest=smallest)
    enough = f"picture of at least {smallest} x {smallest} pixels"
    return Media("pictures", find_images, build, store.SUFFIX, enough, smallest)


def recordings(rate: int) -> Media:
    """rate: samples a second to store."""
    build = partial(sound_store.build_sound_store, rate=rate)
    return Media("recordings", find_audio, build, sound_store.SUFFIX, "sound that can be read", rate)


@dataclass(frozen=True)
class Corpus:
    """`store`: the training media (see kodek.datasets), `key` names their content."""

    store: Path
    key: str
    held_out: list[Source]
    notes: list[str]


def prepare(
    spec: str,
    folder: Path,
    named: Collection[str],
    media: Media,
    track: Callable[[Iterable[Source], int], Iterable[Source]] = lambda sources, count: sources,
) -> Corpus:
    """Find the media, hold some out, and decode the others into a store in `folder`, unless it is there.

    spec: what `media.find` takes. named: sources to hold out. track: shows the progress of a loop over the media.

    Raises:
        TrainError: no data, none that is large enough, or no space for the store.
    """
    try:
        sources = media.find(spec)
    except MediaError as error:
        raise TrainError(str(error)) from error
    chosen = hold_out([group_of(path) if path else "" for path in _paths(sources)], named)
    training = [i for i in range(len(sources)) if i not in chosen]
    key = _key(spec, sources, chosen, media.setting)
    target = folder / key
    notes = []
    if not target.with_suffix(".json").exists():
        try:
            unreadable = media.build(track((sources[i] for i in training), len(training)), target)
        except (MediaError, OSError) as error:
            raise TrainError(f"The store of training {media.plural} can't be written: {error}") from error
        if unreadable:
            first = f"the first: {unreadable[0]}"
            notes.append(f"{len(unreadable)} of {len(training)} {media.plural} can't be read; {first}")
    if target.with_suffix(media.suffix).stat().st_size == 0:
        first = f" {notes[0]}" if notes else ""
        raise TrainError(f"{spec} holds no {media.enough} to train on.{first}")
    return Corpus(target, key, [sources[i] for i in sorted(chosen)], notes)


def hold_out(groups: Sequence[str], named: Collection[str]) -> set[int]:
    """Which media to validate on, given the source of each: whole sources, so that none is on both sides.

    The named ones if any of them is there. Otherwise sources in an order that depends on nothing but their
    names, up to 40 pictures or 5 %; and where every source is too large for that, as with one camera's
    numbered files, single ones at equal distances. Nothing of a single one.
    """
    sizes = Counter(groups)
    picked = {group for group in sizes if group in named}
    if 0 < len(picked) < len(sizes):
        return {i for i, group in enumerate(groups) if group in picked}
    if len(groups) < 2:
        return set()
    picked = set()
    wanted = min(HELD_OUT, math.ceil(HELD_OUT_SHARE * len(groups)))
    left = wanted
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if sizes[group] <= left:
            picked.add(group)
            left -= sizes[group]
    if left > wanted / 2:
        return {round((i + 0.5) * len(groups) / wanted - 0.5) for i in range(wanted)}
    return {i for i, group in enumerate(groups) if group in picked}


def _paths(sources: Sequence[Source]) -> Sequence[Path | None]:
    """Paths, or as many times None for pictures that have none (and need not be made for this)."""
    if isinstance(sources, list):
        return [source if isinstance(source, Path) else None for source in sources]
    return [None] * len(sources)


def _key(spec: str, sources: Sequence[Source], chosen: set[int], setting: int) -> str:
    """Changes when a file is added, removed, touched or held out."""
    digest = hashlib.sha256(repr((spec, setting, len(sources), sorted(chosen))).encode())
    for path in _paths(sources):
        if path is not None:
            stat = path.stat()
            digest.update(repr((str(path), stat.st_mtime_ns, stat.st_size)).encode())
    return digest.hexdigest()[:16]
