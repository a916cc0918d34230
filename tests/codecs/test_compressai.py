"""Models imported from CompressAI: the same symbols, exact walks, checkpoints of every kind, and refusals in words."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kodek.codecs.errors import CheckpointError
from kodek.codecs.image.compressai_checkpoint import read_checkpoint
from kodek.codecs.image.compressai_import import default_name, import_checkpoint
from kodek.codecs.image.compressai_layers import deconv, phases, subpixel
from kodek.codecs.image.compressai_names import ARCHITECTURES
from kodek.codecs.image.compressai_prior import LATENT_BITS, LIMIT, TAPS, Layer, waves
from kodek.codecs.image.file import decode_image, encode_image, load_codec, verify_image
from kodek.codecs.image.model import family
from kodek.codecs.zoo import read_entry
from kodek.entropy.exact import EXACT_LIMIT, Exact

SIZES = {arch: (8,) if arch.startswith("cheng2020") else (8, 12) for arch in ARCHITECTURES}


def pixels(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(3)
    coarse = torch.from_numpy(random.random((1, 3, height // 8 + 2, width // 8 + 2)))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return (smooth[0].permute(1, 2, 0) * 255).round().byte().numpy()


@pytest.fixture(scope="session")
def theirs() -> dict[str, Any]:
    """A small network of each architecture, with latents of real variance."""
    if find_spec("compressai") is None:
        pytest.skip("CompressAI is not installed")
    from kodek.datasets.compat import install
    from kodek.eval.bench.networks import network

    install()
    return {arch: network(arch, sizes, pixels(128, 192)) for arch, sizes in SIZES.items()}


@pytest.fixture(scope="session")
def models(theirs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each of them imported, and its checkpoint beside as <arch>.pth."""
    folder = tmp_path_factory.mktemp("models")
    for arch, net in theirs.items():
        torch.save(net.state_dict(), folder / f"{arch}.pth")
        import_checkpoint(folder / f"{arch}.pth", arch, folder / arch, {"name": arch, "licence": "none"})
    return folder


def codec_of(models: Path, arch: str) -> Any:
    return load_codec(str(models / arch / "weights.safetensors"), "cpu")


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_codes_what_compressai_codes(theirs, models, monkeypatch, arch) -> None:
    """The same symbols, hence the same latents; the same pixels; as many bytes."""
    monkeypatch.setenv("KODEK_MODELS", str(models))
    codec, net, picture = codec_of(models, arch), theirs[arch], pixels(128, 192)
    data = encode_image(codec, picture)
    seen: list[torch.Tensor] = []
    hooks = [part.register_forward_pre_hook(lambda _, x: seen.append(x[0])) for part in (codec.synthesis, net.g_s)]
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        decoded = decode_image(data).pixels
        coded = net.compress(x)
        x_hat = net.decompress(coded["strings"], coded["shape"])["x_hat"]
    for hook in hooks:
        hook.remove()
    ours, reference = seen
    assert len(reference.round().unique()) > 10, "latents without variance prove nothing"
    assert ((ours - reference).abs() < 0.01).float().mean() > 0.999
    assert np.abs(decoded - (x_hat[0].permute(1, 2, 0) * 255).numpy()).max() < 1.5
    strings = sum(len(string) for (string,) in coded["strings"])
    assert abs(len(data) - 24 - strings) < 24 + 0.01 * strings


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", [(1, 1), (70, 33), (48, 130)])
def test_any_size_decodes_to_what_was_encoded(models, monkeypatch, arch, size) -> None:
    monkeypatch.setenv("KODEK_MODELS", str(models))
    data = encode_image(codec_of(models, arch), pixels(*size))
    verify_image(data)
    assert decode_image(data).pixels.shape == (*size, 3)


def test_autoregression_sees_every_latent_before_and_none_after() -> None:
    for h, w in ((1, 1), (1, 7), (5, 1), (4, 9)):
        known: set[tuple[int, int]] = set()
        for wave in waves(h, w, torch.device("cpu")):
            places = {(int(at) // w, int(at) % w) for at in wave}
            for row, column in places:
                window = {(row + r, column + c) for r, c in TAPS}
                assert {(r, c) for r, c in window if 0 <= r < h and 0 <= c < w} <= known
            known |= places
        assert len(known) == h * w


@pytest.mark.parametrize("arch", ["mbt2018-mean", "mbt2018", "cheng2020-attn"])
def test_entropy_model_is_theirs_in_integers(theirs, models, arch) -> None:
    codec, net = codec_of(models, arch), theirs[arch]
    z = torch.randn(1, 8, 3, 4).mul(5).round()
    with torch.inference_mode():
        ours = codec.prior.h_s(z.double() * 2**LATENT_BITS)
        assert torch.equal(ours, ours.round())
        assert torch.allclose((ours * 2.0**-LATENT_BITS).float(), net.h_s(z), atol=2e-3)
        assert (ours * 2.0**-LATENT_BITS - net.h_s(z)).abs().mean() < 1e-4


@pytest.mark.parametrize("kind", ["conv", "deconv", "linear"])
def test_integer_layers_prove_their_bounds(kind) -> None:
    layer = Layer(Exact(), kind, 6, 5, 1 if kind == "linear" else 5 if kind == "deconv" else 3)
    layer.quantise(torch.randn(layer.weight.shape), torch.randn(5))
    assert EXACT_LIMIT / 8 < layer.bound() <= EXACT_LIMIT
    # the loudest input there is gives what integers of any size give
    weight = layer.weight.transpose(0, 1) if kind == "deconv" else layer.weight
    sign = weight.sign()[0].sum(tuple(range(1, weight.ndim - 1))) if kind != "linear" else weight.sign()[0]
    x = (sign.double() * LIMIT).view((1, -1) if kind == "linear" else (1, -1, 1, 1))
    out = layer(x)
    assert torch.equal(out, out.round()) and out.abs().max() <= LIMIT
    with pytest.raises(ArithmeticError):
        layer.quantise(torch.full(layer.weight.shape, 1e9), torch.zeros(5))


def test_last_layer_at_half_size_is_the_transposed_convolution() -> None:
    whole, half = deconv(5, 3), subpixel(5, 3)
    half.load_state_dict({"0.weight": phases(whole.weight), "0.bias": whole.bias.repeat_interleave(4)})
    x = torch.randn(2, 5, 4, 7)
    assert torch.allclose(whole(x), half(x), atol=1e-5)


def old_names(state: dict[str, Any]) -> dict[str, Any]:
    """As CompressAI 1.0 and DataParallel wrote them."""
    plural = {"matrices": "_matrix", "biases": "_bias", "factors": "_factor"}
    renamed = {}
    for key, value in state.items():
        for new, old in plural.items():
            key = key.replace(f"entropy_bottleneck.{new}.", f"entropy_bottleneck.{old}")
        renamed[f"module.{key.replace('.skip.', '.downsample.')}"] = value
    return renamed


def test_checkpoints_of_every_kind_are_one_model(theirs, models, tmp_path) -> None:
    state = theirs["cheng2020-anchor"].state_dict()
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}
    untabled = {key: value for key, value in state.items() if "_cdf" not in key and "scale_table" not in key}
    kinds = {
        "trainer": {"epoch": 3, "state_dict": state, "loss": torch.tensor(1.0), "optimizer": optimiser},
        "old": old_names(state),
        "untabled": untabled,
    }
    expected = codec_of(models, "cheng2020-anchor").generation
    for name, content in kinds.items():
        torch.save(content, tmp_path / f"{name}.pth")
        metadata = {"name": name}
        codec = import_checkpoint(tmp_path / f"{name}.pth", "cheng2020-anchor", tmp_path / name, metadata)
        assert codec.generation == expected
        entry = read_entry(tmp_path / name / "weights.safetensors")
        assert (entry.name, entry.codec, entry.metadata["rates"]) == (name, "image-compressai", "1")
        assert "N = 8, M = 8" in entry.card_path.read_text()


def test_other_architectures_are_refused(models, tmp_path) -> None:
    for arch in ARCHITECTURES:
        for other in set(ARCHITECTURES) - {arch}:
            with pytest.raises(CheckpointError, match=f"is not a {other}: "):
                import_checkpoint(models / f"{arch}.pth", other, tmp_path / "no", {"name": "no"})
    assert not (tmp_path / "no").exists()


class Runs:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


def test_what_is_no_checkpoint_is_refused(theirs, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = dict(theirs["mbt2018-mean"].state_dict())
    torch.save(state, "whole.pth")
    whole = Path("whole.pth").read_bytes()
    Path("cut.pth").write_bytes(whole[: len(whole) // 2])
    Path("text.pth").write_text("not a checkpoint")
    Path("empty.pth").touch()
    torch.save({"g_a.0.weight": Runs()}, "code.pth")
    torch.save([1, 2], "list.pth")
    torch.save({**state, "h_s.0.bias": torch.full((12,), torch.nan)}, "nan.pth")
    torch.save({**state, "h_s.0.weight": state["h_s.0.weight"] * 1e9}, "huge.pth")
    torch.save({**state, "gaussian_conditional.scale_table": torch.tensor([2.0, 1.0])}, "falling.pth")
    for name in ("cut", "text", "empty", "code", "list", "nan", "huge", "falling", "missing"):
        with pytest.raises(CheckpointError) as error:
            import_checkpoint(Path(f"{name}.pth"), "mbt2018-mean", Path("out"), {"name": name})
        assert str(error.value).startswith(f"{name}.pth ") and "\n" not in str(error.value)
    assert not Path("ran").exists() and not Path("out").exists()


def test_the_hash_in_a_name_of_the_zoo_is_checked(tmp_path) -> None:
    content = tmp_path / "content"
    torch.save({"g_a.0.weight": torch.zeros(1)}, content)
    data = content.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:8]
    right, wrong = (tmp_path / f"mbt2018-mean-3-{name}.pth.tar" for name in (digest, "00000000"))
    right.write_bytes(data)
    wrong.write_bytes(data)
    assert list(read_checkpoint(right)) == ["g_a.0.weight"]
    assert default_name(right) == "mbt2018-mean-3"
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(wrong)


def test_one_rate(models) -> None:
    codec = codec_of(models, "mbt2018-mean")
    assert family("image-compressai").latent_bits == LATENT_BITS
    x = torch.from_numpy(pixels(64, 64)).permute(2, 0, 1)[None].float() / 255
    assert codec.encode(x, 0, 0)[0] == codec.encode(x, 255, 0)[0]
    assert read_entry(models / "mbt2018-mean" / "weights.safetensors").single_rate
