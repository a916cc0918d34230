"""The slow encoder: smaller at the same fidelity through true bytes, in both families, whatever the tiles."""

from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from kodek.codecs.errors import UnsupportedError
from kodek.codecs.image import refine as refine_module
from kodek.codecs.image.codec import TILE, ImageCodec
from kodek.codecs.image.file import ImageEncoder, decode_image
from kodek.codecs.image.refine import STEPS, refine, slope
from kodek.codecs.layers import fuse, unfuse
from kodek.entropy.coder import Estimator
from kodek.entropy.exact import Float, dequantise

GOLDEN = Path(__file__).parents[1] / "golden"
SIZE = 90, 120


@pytest.fixture(scope="module", params=["tiny", "tiny-mlic"])
def codec(request):
    return ImageCodec.load(GOLDEN / request.param / "weights.safetensors")


@pytest.fixture(scope="module")
def pixels():
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = np.sin(rows / 9 + columns / 30) + np.sin(columns**1.5 / 90)
    grey = 128 + 45 * waves + random.normal(0, 6, SIZE)
    return (grey[..., None] * [1.0, 0.9, 0.7]).clip(0, 255).astype(np.uint8)


def light(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def analyse(codec, x, position):
    size = x.shape[-2], x.shape[-1]
    grid = codec.grid(size)
    stem = codec.stem(lambda area: x[:, :, *area.slices], size, grid, grid.areas[0])
    return codec.analyse(stem, grid, grid.areas[0], position)


def with_tile(codec, side):
    other = copy(codec)
    other.tile = side
    return other


def cost(codec, pixels, position, effort, tile=TILE):
    """Bits of the file and the errors of what it decodes to, weighed by the picture's own slope."""
    x = light(pixels)
    encoder = ImageEncoder(with_tile(codec, tile), pixels, effort=effort)
    data = encoder.encode(position)
    decoded = encoder.reconstruct()
    if tile == TILE:
        assert np.array_equal(decode_image(data).pixels, decoded)
    trade_off = slope(codec, x, lambda end: analyse(codec, x, end), position)
    return 8 * len(data) + trade_off * float((light(decoded) - x).square().sum())


@pytest.mark.parametrize("position", [60, 200])
def test_cost_falls_through_true_bytes(codec, pixels, position, monkeypatch):
    monkeypatch.setenv("KODEK_MODELS", str(GOLDEN))
    assert cost(codec, pixels, position, effort=1) < 0.99 * cost(codec, pixels, position, effort=0)


def test_cost_falls_with_neighbours_around_a_tile(codec, pixels, monkeypatch):
    monkeypatch.setattr(refine_module, "STEPS", (0, 20))
    pixels = pixels[:48, 10:]
    assert cost(codec, pixels, 200, effort=1, tile=3) < 0.995 * cost(codec, pixels, 200, effort=0, tile=3)


def test_same_picture_same_bytes(codec, pixels, monkeypatch):
    monkeypatch.setattr(refine_module, "STEPS", (0, 10))
    first, second = (ImageEncoder(codec, pixels[:40, :40], effort=1).encode(128) for _ in range(2))
    assert first == second


def test_twin_computes_what_the_integers_do(codec, pixels):
    y, z = analyse(codec, light(pixels), 150)
    twin = codec.family.prior(codec.config, Float())
    dequantise(codec.prior, twin, 150)
    estimator = Estimator(training=False)
    with torch.inference_mode():
        decoded = twin.code(estimator, torch.zeros(1), (y.shape[-2], y.shape[-1]), y, z)
    tile = codec.encode_tile(y, z, 150, profile=0)
    assert abs(8 * len(tile.payload) - float(estimator.bits)) < 0.02 * float(estimator.bits) + 64
    # means are rounded to 1/16, which takes a few latents to the other side
    difference = (decoded - tile.latents * 2.0**-codec.family.latent_bits).abs()
    assert float((difference > 1 / 16).float().mean()) < 0.08


def test_every_step_is_reported_and_more_effort_takes_more(codec, pixels, monkeypatch):
    monkeypatch.setattr(refine_module, "STEPS", (0, 2, 5))
    x = light(pixels[:48, :48])
    grid, (y, z) = codec.grid((48, 48)), analyse(codec, x, 128)
    for effort, steps in ((1, 2), (2, 5)):
        calls = []
        read = lambda area: x[:, :, *area.slices]  # noqa: E731
        refine(codec, read, (48, 48), grid, grid.areas[0], y, z, 128, effort, lambda: calls.append(1))  # noqa: B023
        assert len(calls) == steps


def test_picture_without_slope_stays_as_it_is(codec, pixels, monkeypatch):
    monkeypatch.setattr(refine_module, "slope", lambda *_: 0.0)
    assert ImageEncoder(codec, pixels, effort=1).encode(128) == ImageEncoder(codec, pixels).encode(128)


def test_slope_is_0_where_more_bits_gain_nothing(codec, pixels):
    x = light(pixels)
    assert slope(codec, x, lambda end: analyse(codec, x, 255 - end), 128) == 0
    assert slope(codec, x, lambda end: analyse(codec, x, end), 128) > 0


def test_refinement_that_costs_more_is_dropped(codec, pixels, monkeypatch):
    monkeypatch.setattr(refine_module, "STEPS", (0, 2))
    monkeypatch.setattr(refine_module, "RATE", 5.0)
    assert ImageEncoder(codec, pixels, effort=1).encode(128) == ImageEncoder(codec, pixels).encode(128)


def test_interrupted_encoding_ends_at_once(codec, pixels):
    calls = []

    def progress(done, total):
        calls.append(total)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ImageEncoder(with_tile(codec, 4), pixels, effort=3, progress=progress).encode(128)
    assert len(calls) == 3 and calls[0] == STEPS[3] * 2 * 2


@pytest.mark.parametrize("effort", [-1, 4])
def test_effort_out_of_range_is_refused(codec, pixels, effort):
    with pytest.raises(ValueError, match="effort"):
        ImageEncoder(codec, pixels, effort=effort)


def test_model_without_a_float_twin_is_refused(codec, pixels):
    other = copy(codec)
    other.prior = torch.nn.Identity()
    with pytest.raises(UnsupportedError):
        ImageEncoder(other, pixels, effort=1)
    ImageEncoder(other, pixels)


def test_unfused_blocks_are_those_that_were_fused(codec):
    synthesis = codec.family.synthesis(codec.config)
    kinds = [type(module) for module in synthesis.modules()]
    fuse(synthesis)
    unfuse(synthesis)
    assert [type(module) for module in synthesis.modules()] == kinds
