"""Faces: whether a network still takes a face in the decoded picture for that of the original.

Faces are those that dlib's detector finds in the original, and each is looked for again in the decoded picture: the
one that overlaps it most, by at least half of their union. A face found nowhere is lost: it is not the same any more,
and its distance is taken at its place in the original, so that low rates don't look good by losing the hard faces.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Face:
    """box: dlib's rectangle; place: its five landmarks; embedding: float64 [128]."""

    box: Any
    place: Any
    embedding: np.ndarray


def overlap(first: Any, second: Any) -> float:
    """Of two dlib rectangles: the area of their intersection over that of their union."""
    common = first.intersect(second).area()
    return common / (first.area() + second.area() - common)


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
        pixels: np.ndarray = np.ascontiguousarray(signal)
        places = [predictor(pixels, box) for box in detector(pixels, 1)]  # 1: faces of 40 pixels and more
        return [Face(place.rect, place, embed(pixels, place)) for place in places]

    of_original = remembered(faces)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        originals = of_original(sample)
        if not originals:
            return {}
        pixels: np.ndarray = np.ascontiguousarray(coded.signal)
        found = faces(pixels)
        distance = same = 0.0
        for face in originals:
            best = max(found, key=lambda other: overlap(face.box, other.box), default=None)
            lost = best is None or overlap(face.box, best.box) < OVERLAP
            embedding = embed(pixels, face.place) if best is None or lost else best.embedding
            gap = float(np.linalg.norm(embedding - face.embedding))
            distance += gap
            same += not lost and gap < SAME_PERSON
        return {"face_distance": (distance, float(len(originals))), "face_same": (same, float(len(originals)))}

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
