"""Text in pictures: the errors of a network that reads it.

The truth is the column `text` of the folder's `labels.tsv`. Where a picture has none, what the same network reads on
the original takes its place, as another measure: disagreement.

Characters are compared after NFKC normalisation, in lower case and without white space, which the network places at
will. Lines stand in the order in which the network returns them, from the top to the bottom.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from ..errors import Unavailable
from ..measures.base import INFINITY, Compute, Measure, Meter, Value
from ..sample import Coded, Media, Sample
from .originals import remembered


def characters(text: str) -> str:
    """The text as it is compared: NFKC, in lower case, without white space."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def load() -> Compute:
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise Unavailable(
            "Reading text needs rapidocr-onnxruntime and rapidfuzz: pip install 'kodek[perception]'."
        ) from error
    reader = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)  # files are measured in parallel

    def read(pixels: Any) -> str:
        lines, _ = reader(np.ascontiguousarray(pixels[..., ::-1]))  # it takes blue first
        return characters(" ".join(text for _, text, _ in lines or ()))

    of_original = remembered(read)

    def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
        truth = characters(sample.labels.get("text", ""))
        key = "ocr_cer" if truth else "ocr_disagreement"
        truth = truth or of_original(sample)
        if not truth:
            return {}  # a picture without text
        return {key: (float(Levenshtein.distance(truth, read(coded.signal))), float(len(truth)))}

    return measure


METERS = (
    Meter(
        "ocr",
        frozenset({Media.IMAGE}),
        (
            Measure("ocr_cer", "Character error rate, RapidOCR", "%", False, (0.0, INFINITY)),
            Measure("ocr_disagreement", "Characters read otherwise than on the original", "%", False, (0.0, INFINITY)),
        ),
        load,
        "Du et al., PP-OCR, 2020 (version 4 of its networks); edits by Levenshtein, 1966, pooled over files",
        ("rapidocr-onnxruntime", "onnxruntime", "opencv-python", "rapidfuzz"),
        task=True,
        judge="RapidOCR (PP-OCRv4)",
    ),
)
