"""Faces: whether a network still takes a face in the decoded picture for that of the original.

Faces are those that dlib's detector finds in the original, and each is looked for again in the decoded picture: the
one that overlaps it most, by at least half of their union. A face found nowhere is lost: it is not the same any more,
and its distance is taken at its place in the original, so that low rates don't look good by losing the hard faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Unavailable
from ..measures.base import INFINITY, Compute, Measure, Meter, Value
from ..sample import Coded, Media, Sample
from .originals import remembered

SAME_PERSON = 0.6  # dlib: 99.38 % right on Labeled Faces in the Wild
OVERLAP = 0.5  # of the union

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True)
class Face:
    """place: its five landmarks, as dlib has them; embedding: float64 [128], apart by less than 0.6 in one person."""

    box: Box
    place: Any
    embedding: np.ndarray


def overlap(first: Box, second: Box) -> float:
    """The area of the intersection over that of the union."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (areas - width * height)


def compare(face: Face, found: Sequence[Face], embed: Callable[[Any], np.ndarray]) -> tuple[float, bool]:
    """A face of the original and those of the decoded picture: its distance, and whether it is found and the same.

    embed: the embedding of what the decoded picture has at a place.
    """
    best = max(found, key=lambda other: overlap(face.box, other.box), default=None)
    kept = best is not None and overlap(face.box, best.box) >= OVERLAP
    embedding = best.embedding if best is not None and kept else embed(face.place)
    distance = float(np.linalg.norm(embedding - face.embedding))
    return distance, kept and distance < SAME_PERSON


def load() -> Compute:
    spec = find_spec("face_recognition_models")  # importing it needs pkg_resources, which new setuptools lack
    try:
        import dlib
    except ImportError:
        dlib = None
    if dlib is None or spec is None or not spec.submodule_search_locations:
        raise Unavailable("Judging faces needs dlib-bin and face-recognition-models: pip install 'kodek[perception]'.")
    models = Path(spec.submodule_search_locations[0]) / "models"
    detector = dlib.get_frontal_face_detector()
    # with five landmarks: the licence of the model with 68 excludes commercial use
    predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def embed(pixels: np.ndarray, place: Any) -> np.ndarray:
        return np.array(network.compute_face_descriptor(pixels, place))

    def faces(signal: Any) -> list[Face]:
        places = [predictor(signal, box) for box in detector(signal, 1)]  # 1: faces of 40 pixels and more
        boxes = [(place.rect.left(), place.rect.top(), place.rect.right(), place.rect.bottom()) for place in places]
        return [Face(box, place, embed(signal, place)) for box, place in zip(boxes, places, strict=True)]

    of_original = remembered(faces)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        originals = of_original(sample)
        if not originals:
            return {}
        pixels: Any = coded.signal
        found = faces(pixels)
        results = [compare(face, found, partial(embed, pixels)) for face in originals]
        faces_in_all = float(len(results))
        return {
            "face_distance": (sum(distance for distance, _ in results), faces_in_all),
            "face_same": (float(sum(same for _, same in results)), faces_in_all),
        }

    return measure


METERS = (
    Meter(
        "face",
        frozenset({Media.IMAGE}),
        (
            Measure("face_distance", "Distance to the face of the original", "", False, (0.0, INFINITY)),
            Measure("face_same", "Faces found and recognised", "%", True, (0.0, 1.0)),
        ),
        load,
        "King, Dlib-ml, 2009: HOG detector, five landmarks and ResNet-29 embedding of dlib, threshold 0.6",
        ("dlib-bin", "face-recognition-models"),
        task=True,
        judge="dlib's face recognition ResNet",
    ),
)
