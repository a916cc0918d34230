"""Real photos of text: signs, shops and a printed page, with transcripts made for this project.

A transcript has what a person reads without zooming in, from the top to the bottom and from left to right.
"""

from __future__ import annotations

from pathlib import Path

from .fetch import Kind, Package, gather

_PAGE = (
    "Region-based segmentation Let us first determine markers of the coins and the background. These markers are "
    "pixels that we can label unambiguously as either object or background. Here, the markers are found at the two "
    "extreme parts of the histogram of grey values: >>> markers = np.zeros_like(coins)"
)
_SCENES = {
    "scenetext01.jpg": "NOTICE DOUBLE PARKING PROHIBITED AT ALL TIMES",
    "scenetext02.jpg": "Sports Centre Wivenhoe Park Conference Centre Car Parks",
    "scenetext03.jpg": "copy centre the",
    "scenetext04.jpg": "GM 125",
    "scenetext05.jpg": "NO PARKING NO PARKING",
    "scenetext06.jpg": "priory galleries at the ship priory galleries at the ship",
    "scenetext_segmented_word01.jpg": "HOTEL",
    "scenetext_segmented_word02.jpg": "Stationery Box COMPUTER COMPUTER FOOD FOOD",
    "scenetext_segmented_word03.jpg": "Customer Freephone Private Hire Service",
    "scenetext_segmented_word04.jpg": "F FOSTER'S FOSTER'S FOSTER'S FOSTER'S",
    "scenetext_segmented_word05.jpg": "SANYO PRO xtraX MULTIMEDIA PROJECTOR",
    "scenetext_word02.jpg": "HERE",
}

PACKAGES = (
    Package(
        Kind.DEB,
        "opencv-doc",
        "",
        "Apache-2.0 and BSD-3-Clause",
        {f"usr/share/doc/opencv-doc/examples/text/{file}": {"text": text} for file, text in _SCENES.items()},
    ),
    Package(Kind.WHEEL, "scikit-image", "0.26.0", "BSD-3-Clause", {"skimage/data/page.png": {"text": _PAGE}}),
)


def prepare(out: Path) -> None:
    """Raises what `gather` does."""
    gather(PACKAGES, out)
