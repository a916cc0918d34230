"""The command: `python -m kodek.eval.prepare text|faces|speech --out DIR`."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from ..errors import EvalError

SETS = ("text", "faces", "speech")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kodek.eval.prepare", description="Fetch public test media.")
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    chosen = parser.parse_args(arguments)
    try:
        import_module(f".{chosen.set}", __package__).prepare(chosen.out)
    except (EvalError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
