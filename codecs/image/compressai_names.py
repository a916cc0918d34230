"""The architectures of CompressAI that kodek knows. Needs no torch: the command line asks."""

from typing import Literal, get_args

Architecture = Literal[
    "bmshj2018-factorized",
    "bmshj2018-hyperprior",
    "mbt2018-mean",
    "mbt2018",
    "cheng2020-anchor",
    "cheng2020-attn",
]
ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
