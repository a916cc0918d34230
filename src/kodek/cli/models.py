"""``kodek models``."""

from __future__ import annotations

import json as json_module
from typing import Any

from . import options


def models(json: options.Json = False) -> None:
    """List the weights on this machine: what they are, what they were trained on, and their licence."""
    from kodek.codecs import zoo

    rows = [_facts(entry) for entry in zoo.list_models()]
    if json:
        print(json_module.dumps(rows))
        return
    for row in rows:
        print(f"{row['name']} (generation {row['generation']}, {row['bytes'] / 1e6:.1f} MB)")
        for key in ("codec", "steps", "data", "licence", "card"):
            if row[key]:
                print(f"  {key:8} {row[key]}")


def _facts(entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "codec": entry.codec,
        "generation": entry.generation.hex(),
        "bytes": entry.path.stat().st_size,
        "steps": entry.metadata.get("steps"),
        "data": entry.metadata.get("data"),
        "licence": entry.metadata.get("licence"),
        "path": str(entry.path),
        "card": str(entry.card_path) if entry.card_path else None,
    }
