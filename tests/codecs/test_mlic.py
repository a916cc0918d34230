"""The multi-reference prior: both arithmetics walk alike, every preset codes, and its attentions are what they say."""

import pytest
import torch
from kodek.codecs.image import mlic
from kodek.codecs.image.mlic import Config, gather, linear_attention, places
from kodek.codecs.image.model import ImageModel, family
from kodek.entropy import gaussian_tables
from kodek.entropy.coder import SCALES, Estimator, SymbolDecoder, SymbolEncoder
from kodek.entropy.exact import EXP2, Exact, Float, quantise

FAMILY = family("image-mlic")
POSITIONS = torch.linspace(0, 1, 256)
WIDTHS = {"width": 16, "latents": 16, "hyper": 8, "context": 16, "analysis_blocks": 1, "synthesis_blocks": 1}
VARIANTS = {
    "all": {"slices": (4, 12), "depth": 5},
    "one slice": {"slices": (16,)},
    "channels only": {"slices": (8, 8), "checkerboard": False, "inter": False, "gates": False},
    "convolution": {"slices": (4, 4, 8), "local": "convolution", "inter": False, "intra": False, "gates": False},
    "no context in space": {"slices": (8, 8), "local": "none", "intra": False, "residual": False},
}


def model(**options) -> ImageModel:
    torch.manual_seed(0)
    model = ImageModel(FAMILY, Config(**WIDTHS, attention=8, **options))
    for parameter in model.parameters():
        if parameter.ndim == 4:
            torch.nn.init.normal_(parameter, 0, 0.7 / parameter[0].numel() ** 0.5)
    return model.eval()


def exact_prior(model: ImageModel):
    exact = FAMILY.prior(model.config, Exact())
    quantise(model.prior, exact, POSITIONS)
    return exact


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 3), (12, 17)])
@torch.inference_mode()
def test_decoder_follows_encoder(options, size):
    exact = exact_prior(model(**options))
    y, z = 3 * torch.randn(1, 16, *size), torch.randn(1, 8, -(-size[0] // 4), -(-size[1] // 4))
    tables = gaussian_tables(SCALES, 16)
    encoder = SymbolEncoder(tables, 0)
    coded = exact.code(encoder, 100, size, y, z)
    decoder = SymbolDecoder(encoder.finish(), tables, 0)
    assert torch.equal(exact.code(decoder, 100, size, None, None), coded)
    decoder.finish()
    assert decoder.hash == encoder.hash
    assert coded.shape == (1, 48, *size)
    assert (coded[:, :16] / 16 - y).abs().max() <= 0.5 + 1e-6


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@torch.inference_mode()
def test_pieces_change_nothing(options, monkeypatch):
    exact, tables = exact_prior(model(**options)), gaussian_tables(SCALES, 16)
    y, z = 3 * torch.randn(1, 16, 13, 11), torch.randn(1, 8, 4, 3)

    def encode() -> tuple[bytes, torch.Tensor]:
        encoder = SymbolEncoder(tables, 0)
        coded = exact.code(encoder, 100, (13, 11), y, z)
        return encoder.finish(), coded

    payload, coded = encode()
    for name, value in (("PIECE", 10), ("ROWS", 3)):
        monkeypatch.setattr(mlic, name, value)
    in_pieces, coded_in_pieces = encode()
    assert in_pieces == payload and torch.equal(coded_in_pieces, coded) and coded.dtype == torch.int32


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@torch.inference_mode()
def test_the_estimate_is_the_length(options):
    network = model(**options)
    size = (24, 20)
    y, z = torch.randn(1, 16, *size), torch.randn(1, 8, 6, 5)
    estimator = Estimator(training=False)
    network.prior.code(estimator, POSITIONS[100:101], size, y, z)
    encoder = SymbolEncoder(gaussian_tables(SCALES, 16), 0)
    exact_prior(network).code(encoder, 100, size, y, z)
    assert abs(8 * len(encoder.finish()) / float(estimator.bits) - 1) < 0.01


@torch.inference_mode()
def test_contexts_see_the_anchors():
    """Another anchor changes what the prior says of the others: near it locally, far from it globally."""
    size, at = (9, 9), (0, 0)
    for options, far in (({"intra": False, "gates": False}, False), ({"local": "none", "gates": False}, True)):
        network = model(slices=(16,), inter=False, **options)
        y, z = torch.randn(1, 16, *size), torch.zeros(1, 8, 3, 3)
        other = y.clone()
        other[:, :, *at] += 8
        means = [network.prior.code(Estimator(False), POSITIONS[:1], size, x, z)[:, 16:32] for x in (y, other)]
        changed = (means[0] - means[1]).abs().amax(1)[0] > 0
        assert changed[0, 1] and changed[2, 1] and not changed[1, 1], "the others near it; an anchor never"
        assert bool(changed[7, 8]) is far


def test_gradients_reach_every_weight():
    network = model(slices=(4, 12)).train()
    x_hat, bits = network(torch.rand(2, 3, 64, 64) - 0.5, torch.tensor([0.2, 0.7]))
    (bits.sum() + x_hat.square().sum()).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_linear_attention_is_that_of_the_paper():
    q, k, v = (torch.randn(2, 8, 5, 7) for _ in range(3))
    out = linear_attention(Float(), q, k, v).view(2, 2, 4, 35)
    q, k, v = (x.reshape(2, 2, 4, 35) for x in (q, k, v))
    ln2 = torch.log(torch.tensor(2.0))
    context = torch.softmax(k * ln2, 3) @ v.transpose(2, 3)
    assert torch.allclose(out, context.transpose(2, 3) @ torch.softmax(q * ln2, 2), atol=1e-5)


def test_exact_softmax_is_close_to_the_real_one():
    logits = torch.randn(3, 50) * 3
    weights = Exact().weights((logits * 4096).round().double(), 1)
    expected = torch.exp2(logits - logits.amax(1, keepdim=True))
    assert (weights / 2**15 - expected).abs().max() < 0.005
    assert EXP2[0] == 2**15 and EXP2[256] == 2**14 and EXP2[-1] == 1


def test_places_of_a_checkerboard():
    where = places((3, 4), torch.device("cpu"), True)
    assert where.first.tolist() == [0, 2, 5, 7, 8, 10] and where.second.tolist() == [1, 3, 4, 6, 9, 11]
    x = torch.arange(12.0).view(1, 1, 3, 4)
    passes = [gather(x, at) for at in (where.first, where.second)]
    assert torch.equal(where.join(*passes), x)
    assert where.join(passes[0]).flatten().tolist() == [0, 0, 2, 0, 0, 5, 0, 7, 8, 0, 10, 0]
    windows = gather(x, where.first).flatten()[where.near]
    row, column = where.second // 4, where.second % 4
    for tap, n in where.inside.nonzero().tolist():
        r, c = divmod(int(windows[tap, n]), 4)
        assert 0 < abs(r - row[n]) + abs(c - column[n]) <= 3 and max(abs(r - row[n]), abs(c - column[n])) <= 2


def test_slices_must_add_up():
    with pytest.raises(ValueError, match="add up to 16"):
        Config(**WIDTHS, slices=(4, 4))
