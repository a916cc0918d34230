"""Codecs by the names that users give them: `image-hyperprior`, `jpeg`, `jpeg@10:50:90`."""

from __future__ import annotations

from dataclasses import replace

from kodek.codecs import zoo
from kodek.codecs.errors import UnknownModelError

from .anchors import ANCHORS, anchor
from .codec import Codec
from .errors import EvalError
from .models import kodek_codec

ORIGINAL = "original"  # in rows: the files as they are, for the level that tasks reach on them


def parse(spec: str) -> tuple[str, tuple[float, ...] | None]:
    """``"jpeg@10:50"`` -> ("jpeg", (10, 50)); None: the codec's own settings. Raises EvalError."""
    name, at, settings = spec.rpartition("@")
    if not at:
        return spec, None
    try:
        return name, tuple(float(setting) for setting in settings.split(":"))
    except ValueError:
        raise EvalError(f"The settings of a codec are numbers, as in jpeg@10:50:90, not {spec!r}.") from None


def codec(spec: str, device: str = "cpu") -> Codec:
    """An anchor, a codec of the zoo in its newest weights, a model by name, or one by its path.

    Raises Unavailable for an anchor that this machine lacks, EvalError for a name that nobody has, CodecError for
    weights that can't be used.
    """
    name, settings = parse(spec)
    if name in ANCHORS:
        found = anchor(name)
    else:
        try:
            found = kodek_codec(name, device=device)
        except UnknownModelError as error:
            models = ", ".join(entry.name for entry in zoo.list_models())
            known = f"anchors are {', '.join(ANCHORS)}; models are {models}"
            raise EvalError(f"There is no codec {name!r}: {known}.") from error
    return found if settings is None else replace(found, settings=settings)
