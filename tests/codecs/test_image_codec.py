"""The exported codec: payloads, files and the coding walk in both arithmetics."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kodek.codecs.errors import DamagedError
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.file import decode_image, encode_image
from kodek.codecs.image.hyperprior import Config, Prior, checkerboard, pack, unpack
from kodek.codecs.image.model import ImageModel, family
from kodek.codecs.layers import DepthConvBlock, FusedDepthConvBlock, fuse
from kodek.entropy import StreamError, gaussian_tables
from kodek.entropy.coder import SCALES, Estimator, SymbolDecoder, SymbolEncoder, gaussian_bits
from kodek.entropy.exact import Exact, ExactConv2d, prove_bounds, quantise

TINY = Path(__file__).parents[1] / "golden" / "tiny" / "weights.safetensors"


@pytest.fixture(scope="module")
def codec():
    return ImageCodec.load(TINY)


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.random((1, 1, height // 12 + 2, width // 12 + 2))).float()
    grey = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return grey * torch.tensor([1.0, 0.9, 0.7])[None, :, None, None]


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean()))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (15, 17), (64, 64), (65, 130)])
@pytest.mark.parametrize("position", [0, 130, 255])
def test_round_trip_of_any_size(codec, size, position):
    x = picture(*size)
    payloads, symbol_hash = codec.encode(x, position, codec.profile_for(size))
    x_hat, check = codec.decode(payloads, size, position, codec.profile_for(size))
    assert x_hat.shape == x.shape and check == symbol_hash
    assert psnr(x_hat, x) > 20


def test_rate_and_quality_rise_with_the_quality_byte(codec):
    x = picture(96, 128) * 0.7 + 0.3 * torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    rows = []
    for position in (0, 85, 170, 255):
        payloads, _ = codec.encode(x, position, 1)
        x_hat, _ = codec.decode(payloads, (96, 128), position, 1)
        rows.append((len(payloads[0]), psnr(x_hat, x)))
    assert rows == sorted(rows) and rows[0][0] < rows[-1][0]


def test_same_input_same_bytes(codec):
    x = picture(50, 70)
    assert codec.encode(x, 100, 0) == codec.encode(x, 100, 0)


def test_every_profile_decodes_to_the_same_latents(codec):
    x = picture(80, 48)
    latents = []
    for profile in range(3):
        payloads, _ = codec.encode(x, 128, profile)
        area = codec.grid((80, 48)).whole
        latents.append(codec.decode_tile(payloads[0], area, 128, profile).latents)
    assert torch.equal(latents[0], latents[1]) and torch.equal(latents[0], latents[2])


def test_damaged_payloads_are_refused(codec):
    (payload,), _ = codec.encode(picture(64, 64), 128, 1)
    for damaged in (payload[:-1], payload[:4], b"", payload + b"\0"):
        with pytest.raises(StreamError):
            codec.decode([damaged], (64, 64), 128, 1)
    with pytest.raises(StreamError):
        codec.decode([payload, payload], (64, 64), 128, 1)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_file_keeps_mode_depth_alpha_and_metadata(codec, monkeypatch, channels, dtype):
    monkeypatch.setenv("KODEK_MODELS", str(TINY.parents[1]))
    random = np.random.default_rng(1)
    pixels = np.full((20, 30, channels), np.iinfo(dtype).max // 3, dtype)
    alpha = random.integers(0, np.iinfo(dtype).max, (20, 30), dtype)
    data = encode_image(codec, pixels, alpha=alpha, icc=b"icc", exif=b"exif", xmp=b"xmp", quality=100)
    decoded = decode_image(data)
    assert decoded.pixels.shape == pixels.shape and decoded.pixels.dtype == dtype
    assert np.array_equal(decoded.alpha, alpha)
    assert (decoded.icc, decoded.exif, decoded.xmp) == (b"icc", b"exif", b"xmp")
    assert np.abs(decoded.pixels / np.iinfo(dtype).max - 1 / 3).mean() < 0.05


def test_pack_and_unpack_split_a_latent_into_complementary_parts():
    x = torch.randn(2, 6, 5, 7)
    even = checkerboard((5, 7), x)
    assert torch.equal(unpack(pack(x, even), even) + unpack(pack(x, ~even), ~even), x)


def test_float_and_exact_walks_agree(codec):
    """The estimate on rounded latents is the length of the stream, nearly."""
    torch.manual_seed(0)
    model = ImageModel(family("image-hyperprior"), Config(16, 16, 8, 16, 1, 1)).eval()
    exact = Prior(model.config, Exact())
    positions = torch.linspace(0, 1, 256)
    quantise(model.prior, exact, positions)
    y, z = torch.randn(1, 16, 24, 24), torch.randn(1, 8, 6, 6)
    estimator = Estimator(training=False)
    with torch.inference_mode():
        model.prior.code(estimator, positions[100:101], (24, 24), y, z)
        tables = gaussian_tables(SCALES, 16)
        encoder = SymbolEncoder(tables, 0)
        y_hat = exact.code(encoder, 100, (24, 24), y, z)
        payload = encoder.finish()
        decoder = SymbolDecoder(payload, tables, 0)
        assert torch.equal(exact.code(decoder, 100, (24, 24), None, None), y_hat)
        decoder.finish()
    assert abs(8 * len(payload) / float(estimator.bits) - 1) < 0.01
    assert (y_hat / 16 - y).abs().max() <= 0.5 + 1e-6


def test_gaussian_bits_are_those_of_the_unit_bin():
    index = torch.tensor([0.0, 40.0, 127.0])
    scale = torch.from_numpy(SCALES)[[0, 40, 127]]
    normal = torch.distributions.Normal(0, scale)
    expected = -torch.log2(normal.cdf(torch.tensor(1.5)) - normal.cdf(torch.tensor(0.5)))
    assert torch.allclose(gaussian_bits(torch.ones(3), index).double()[1:], expected[1:], rtol=1e-3)


def test_bounds_are_proven_from_the_weights():
    conv = ExactConv2d(4, 4, 1, 1)
    prove_bounds(conv)
    conv.weight.fill_(2**30)
    with pytest.raises(ArithmeticError):
        prove_bounds(conv)


def test_weights_that_are_not_their_generation_are_refused(tmp_path):
    data = bytearray(TINY.read_bytes())
    data[-1] ^= 1  # inside the last tensor
    target = tmp_path / "weights.safetensors"
    target.write_bytes(data)
    with pytest.raises(DamagedError):
        ImageCodec.load(target)


def test_fused_blocks_are_the_trained_ones():
    torch.manual_seed(0)
    block = DepthConvBlock(8)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    net = torch.nn.Sequential(block).to(memory_format=torch.channels_last)
    x = torch.randn(1, 8, 9, 7).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = net(x)
        fuse(net)
        assert torch.allclose(net(x), expected, rtol=1e-3, atol=1e-4)
    if torch.backends.mkldnn.is_available():
        assert isinstance(net[0], FusedDepthConvBlock)
