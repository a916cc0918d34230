"""The anchors are the formats, at the settings that their names promise."""

from __future__ import annotations

import io

import numpy as np
import pytest
from kodek.eval.anchors import anchor
from kodek.eval.errors import EvalError
from kodek.eval.measures.distance import psnr
from PIL import Image, JpegImagePlugin, features

from .conftest import pixels


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_anchor(name: str) -> None:
    if not features.check(name if name != "jpeg" else "jpg"):
        pytest.skip(f"Pillow without {name}")
    codec = anchor(name)
    picture = pixels(81, 97)
    files = [codec.encode(picture, setting) for setting in (codec.settings[0], 50, codec.settings[-1])]
    assert [Image.open(io.BytesIO(file)).format for file in files] == [name.upper()] * 3
    decoded = [codec.decode(file) for file in files]
    assert all(x.shape == picture.shape and x.dtype == np.uint8 for x in decoded)
    qualities = [psnr(picture, x) for x in decoded]
    assert qualities == sorted(qualities) and qualities[0] < 32 and qualities[-1] > 44
    assert list(map(len, files)) == sorted(map(len, files))
    assert codec.versions["pillow"] and all(codec.versions.values())


def test_jpeg_is_subsampled_and_the_smaller_of_both_kinds() -> None:
    progressive = set()
    for picture in (pixels(16, 16), pixels(200, 300)):
        image = Image.fromarray(picture)
        sizes = {}
        for kind in (False, True):
            file = io.BytesIO()
            image.save(file, "JPEG", quality=90, optimize=True, subsampling="4:2:0", progressive=kind)
            sizes[kind] = file.tell()
        data = anchor("jpeg").encode(picture, 90)
        opened = Image.open(io.BytesIO(data))
        assert len(data) == min(sizes.values())
        assert JpegImagePlugin.get_sampling(opened) == 2
        progressive.add(bool(opened.info.get("progressive")))
    assert progressive == {False, True}, "each kind should have won once"


def test_unknown_anchor() -> None:
    with pytest.raises(EvalError, match="known are jpeg, webp, avif, jpeg2000, jxl"):
        anchor("gif")
