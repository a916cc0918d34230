"""Where a sound is damaged: spans in seconds, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 8  # in a sentence

Span = tuple[float, float]  # seconds: start and end


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    out: list[Span] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], end
        else:
            out.append((start, end))
    return out


def span_words(spans: Sequence[Span]) -> str:
    """``"1.98 to 2.98 s, 7.98 to 8.98 s"``; the first few of many."""
    text = ", ".join(f"{start:.2f} to {end:.2f} s" for start, end in spans[:NAMED])
    return text + (f" and {len(spans) - NAMED} more places" if len(spans) > NAMED else "")
