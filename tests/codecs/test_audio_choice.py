"""Codes that an encoder chooses with regard to their bits."""

from __future__ import annotations

import pytest
import torch
from kodek.codecs.audio import choice
from kodek.codecs.audio.choice import choose
from kodek.codecs.audio.model import AudioModel, Config
from kodek.codecs.audio.segments import stage_bits
from kodek.train.export_sound import exported

STAGES = 5


@pytest.fixture(scope="module", params=["rvq", "grouped", "steady"])
def codec(request):
    torch.manual_seed(0)
    prior = {"width": 8, "depth": 1, "kernel": 3, "rank": 4}
    small = {"width": 16, "analysis_blocks": 1, "synthesis_blocks": 1, "kernel": 3}
    kind = {"quantiser": "rvq", "steady": 2} if request.param == "steady" else {"quantiser": request.param}
    config = Config(latent=8, stages=STAGES, codes=32, prior=prior, **kind, **small)
    model = AudioModel(config)
    for stage in model.prior.stages:
        torch.nn.init.normal_(stage.bias.weight, std=2.0)  # codes that cost more and less
    return exported(model.eval(), "audio-rvq-0")


@pytest.fixture
def z():
    return torch.randn(3, 50, 8, generator=torch.Generator().manual_seed(1))


def outcome(codec, z, codes):
    """Bits, and the squared error."""
    bits = sum(float(part.sum()) for part in stage_bits(codec.prior, [codes.to(torch.int16).numpy()]))
    return bits, float((codec.quantiser.decode(codes) - z).square().sum())


@torch.inference_mode()
def test_the_higher_the_price_the_fewer_bits(codec, z, monkeypatch):
    nearest = codec.quantiser.encode(z, STAGES)
    bits, error = outcome(codec, z, nearest)
    for price in (0.05, 0.2, 1.0):
        monkeypatch.setattr(choice, "PRICE", price)
        fewer, larger = outcome(codec, z, choose(codec.prior, codec.quantiser, z, STAGES))
        assert fewer < bits and larger > error
        bits, error = fewer, larger
    monkeypatch.setattr(choice, "PRICE", 0.0)
    assert torch.equal(choose(codec.prior, codec.quantiser, z, STAGES), nearest)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [1, 2, 50])
@pytest.mark.parametrize("priced", [2, 12])
def test_the_first_codes_do_not_depend_on_how_many_there_are(codec, z, frames, priced, monkeypatch):
    monkeypatch.setattr(choice, "STAGES", priced)
    whole = choose(codec.prior, codec.quantiser, z[:, :frames], STAGES)
    assert whole.shape == (3, STAGES, frames)
    for stages in range(1, STAGES):
        assert torch.equal(choose(codec.prior, codec.quantiser, z[:, :frames], stages), whole[:, :stages])
