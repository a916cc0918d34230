"""Learned codecs by others, where their published weights are on disk: nothing is downloaded, nothing is random.

CompressAI's files: quality (1 byte), height and width (2 bytes each), the length (4 bytes) of every string but the
last, and the strings. EnCodec's are its own `.ecdc` without its language model. DAC's: samples (4 bytes), codebooks
(1 byte), and its codes of 10 bits, codebook by codebook; its own files spend 16 bits on each.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from kodek.datasets import Audio, resample

from ..codec import Codec
from ..errors import EvalError, Unavailable
from ..sample import Media

COMPRESSAI = ("bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean", "mbt2018", "cheng2020-anchor")
ENCODEC_WEIGHTS = "encodec_24khz-d7cc33bc.th"
DAC_WEIGHTS = "weights_24khz_8kbps_0.0.4.pth"
_DAC_BITS = 10
_SIZE = struct.Struct(">BHH")


def compressai(name: str) -> Codec:
    """An image model of CompressAI's zoo (trained for MSE), its settings the qualities on disk. Raises Unavailable."""
    found = _versions(name, "compressai", "torch")
    from kodek.datasets.compat import install

    install()
    from compressai.zoo.image import model_urls

    files = {quality: url.rsplit("/", 1)[1] for quality, url in model_urls[name]["mse"].items()}
    present = [quality for quality, file in files.items() if (_hub() / file).is_file()]
    if not present:
        raise Unavailable(f"The anchor {name} needs its weights: put {', '.join(files.values())} into {_hub()}.")
    about = f"CompressAI's {name}, trained for MSE; its strings behind 5 bytes, and 4 for every string but the last"
    encode, decode = partial(_encode_compressai, name), partial(_decode_compressai, name)
    return Codec(name, Media.IMAGE, present, encode, decode, found, ".cai", about)


@lru_cache(maxsize=1)
def _network(name: str, quality: int) -> Any:
    from compressai.zoo import image_models

    network = image_models[name](quality=quality, metric="mse", pretrained=True, progress=False).eval()
    network.update()
    return network


def _encode_compressai(name: str, pixels: np.ndarray, quality: float) -> bytes:
    import torch
    from compressai.ops import compute_padding

    height, width = pixels.shape[:2]
    padding, _ = compute_padding(height, width, min_div=64)
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float().div(255)
    with torch.inference_mode():
        coded = _network(name, int(quality)).compress(torch.nn.functional.pad(x, padding))
    strings = [one for (one,) in coded["strings"]]
    lengths = [struct.pack(">I", len(string)) for string in strings[:-1]]
    return b"".join([_SIZE.pack(int(quality), height, width), *lengths, *strings])


def _decode_compressai(name: str, data: bytes) -> np.ndarray:
    import torch
    from compressai.ops import compute_padding

    quality, height, width = _SIZE.unpack_from(data)
    padding, unpadding = compute_padding(height, width, min_div=64)
    factorized = name == "bmshj2018-factorized"
    start = _SIZE.size
    strings = []
    if not factorized:
        (length,) = struct.unpack_from(">I", data, start)
        start += 4
        strings.append([data[start : start + length]])
        start += length
    strings.append([data[start:]])
    scale = 16 if factorized else 64  # of the last string's latent
    shape = ((height + padding[2] + padding[3]) // scale, (width + padding[0] + padding[1]) // scale)
    with torch.inference_mode():
        x = _network(name, quality).decompress(strings, shape)["x_hat"]
    x = torch.nn.functional.pad(x, unpadding).clamp(0, 1).mul(255).round().byte()
    return x[0].permute(1, 2, 0).numpy()


def encodec() -> Codec:
    """EnCodec at 24 kHz, mono. Raises Unavailable."""
    found = _versions("encodec", "encodec", "torch")
    if not (_hub() / ENCODEC_WEIGHTS).is_file():
        raise Unavailable(f"The anchor encodec needs its weights: put {ENCODEC_WEIGHTS} into {_hub()}.")
    about = "EnCodec, 24 kHz mono; its own .ecdc file without the language model; settings in kbit/s"
    kilobits = (1.5, 3, 6, 12, 24)
    return Codec("encodec", Media.AUDIO, kilobits, _encode_encodec, _decode_encodec, found, ".ecdc", about)


@lru_cache
def _encodec_model() -> Any:
    from kodek.datasets.compat import install

    install()  # it imports torchaudio
    from encodec import EncodecModel

    model = EncodecModel.encodec_model_24khz(repository=_hub()).eval()
    # instead of loading it anew for every file; the package hides this module behind a function of the same name
    import_module("encodec.compress").MODELS[model.name] = lambda: model
    return model


def _encode_encodec(audio: Audio, kilobits: float) -> bytes:
    import torch
    from encodec.compress import compress

    model = _encodec_model()
    model.set_target_bandwidth(kilobits)
    return bytes(compress(model, torch.from_numpy(_mono(audio).samples), use_lm=False))


def _decode_encodec(data: bytes) -> Audio:
    import torch
    from encodec.compress import decompress

    _encodec_model()
    with torch.no_grad():
        samples, rate = decompress(data)
    return Audio(samples.numpy().astype(np.float32), rate)


def dac() -> Codec:
    """Descript Audio Codec at 24 kHz, mono, at several numbers of codebooks. Raises Unavailable."""
    found = _versions("dac", "descript-audio-codec", "torch")
    folder = Path.home() / ".cache" / "descript" / "dac"
    if not (folder / DAC_WEIGHTS).is_file():
        raise Unavailable(f"The anchor dac needs its weights: put {DAC_WEIGHTS} into {folder}.")
    encode, decode = partial(_encode_dac, folder / DAC_WEIGHTS), partial(_decode_dac, folder / DAC_WEIGHTS)
    about = "DAC, 24 kHz mono; 10 bits a code behind 5 bytes; settings: codebooks, 0.75 kbit/s each"
    return Codec("dac", Media.AUDIO, (1, 2, 4, 8, 16, 32), encode, decode, found, ".dac", about)


@lru_cache
def _dac_model(weights: Path) -> Any:
    from dac import DAC

    return DAC.load(str(weights)).eval()


def _encode_dac(weights: Path, audio: Audio, codebooks: float) -> bytes:
    import torch

    model, mono = _dac_model(weights), _mono(audio)
    with torch.no_grad():
        x = model.preprocess(torch.from_numpy(mono.samples)[None], mono.rate)
        codes = model.encode(x, n_quantizers=int(codebooks))[1][0].numpy()
    bits = codes.reshape(-1, 1) >> np.arange(_DAC_BITS) & 1
    return struct.pack(">IB", mono.samples.shape[1], len(codes)) + np.packbits(bits.astype(np.uint8)).tobytes()


def _decode_dac(weights: Path, data: bytes) -> Audio:
    import torch

    model = _dac_model(weights)
    length, codebooks = struct.unpack_from(">IB", data)
    frames = -(-length // model.hop_length)
    bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=5), count=codebooks * frames * _DAC_BITS)
    codes = (bits.reshape(-1, _DAC_BITS).astype(np.int64) << np.arange(_DAC_BITS)).sum(1).reshape(codebooks, frames)
    with torch.no_grad():
        samples = model.decode(model.quantizer.from_codes(torch.from_numpy(codes)[None])[0])[0, :, :length]
    return Audio(samples.numpy(), model.sample_rate)


def _mono(audio: Audio) -> Audio:
    if len(audio.samples) != 1:
        raise EvalError(f"This codec takes one channel, not {len(audio.samples)}.")
    return resample(audio, 24_000)


def _hub() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _versions(name: str, *packages: str) -> dict[str, str]:
    try:
        return {package: version(package) for package in packages}
    except PackageNotFoundError as error:
        raise Unavailable(f"The anchor {name} needs {error.name}: pip install {error.name}.") from error


CODECS: dict[str, Callable[[], Codec]] = {
    **{name: partial(compressai, name) for name in COMPRESSAI},
    "encodec": encodec,
    "dac": dac,
}
