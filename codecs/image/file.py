"""Pictures as arrays <-> the bytes of a `.kdk` file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from kodek.entropy import StreamError, crc32c
from numpy.typing import NDArray
from torch import Tensor

from ..container import Chunk, ChunkKind, ImageHeader, Limits, read, write
from ..errors import DamagedError, MismatchError
from ..header import Mode
from ..zoo import by_generation
from .alpha import decode_alpha, encode_alpha
from .codec import ImageCodec

DTYPES = (np.uint8, np.uint16)
MODES: dict[int, Mode] = {1: "L", 3: "RGB", 4: "CMYK"}
METADATA = {"icc": ChunkKind.ICC, "exif": ChunkKind.EXIF, "xmp": ChunkKind.XMP}


@dataclass(frozen=True)
class DecodedImage:
    """pixels: uint8 or uint16 [H, W, C], C = 1, 3 or 4 (CMYK, 0 = no ink); alpha: the same dtype [H, W] or None."""

    pixels: NDArray[np.integer]
    alpha: NDArray[np.integer] | None
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    header: ImageHeader


class ImageEncoder:
    """A picture to be encoded, perhaps at several qualities: what does not depend on the quality is computed once.

    pixels: uint8 or uint16 [H, W, C], full range; C = 1 grey, 3 RGB, 4 CMYK (0 = no ink). alpha: [H, W], kept
    losslessly. effort: how long to look for better latents, 0: not at all. Raises ValueError for anything else.
    """

    def __init__(
        self,
        codec: ImageCodec,
        pixels: NDArray[np.integer],
        *,
        alpha: NDArray[np.integer] | None = None,
        icc: bytes | None = None,
        exif: bytes | None = None,
        xmp: bytes | None = None,
        effort: int = 0,
    ) -> None:
        if pixels.ndim != 3 or pixels.shape[2] not in MODES or pixels.dtype not in DTYPES or not pixels.size:
            raise ValueError("pixels must be uint8 or uint16 of shape [H, W, 1, 3 or 4]")
        if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
            raise ValueError("alpha must have the height, width and dtype of the pixels")
        self._codec = codec
        self._pixels = pixels
        self._alpha = alpha
        self._effort = effort
        values = {"icc": icc, "exif": exif, "xmp": xmp}
        self._extras = [Chunk(METADATA[name], data) for name, data in values.items() if data]
        if alpha is not None:
            self._extras.insert(0, Chunk(ChunkKind.ALPHA, encode_alpha(alpha)))
        self._last: tuple[ImageHeader, list[Chunk]] | None = None

    def encode(self, position: int) -> bytes:
        """The `.kdk` file at a quality byte, 0 to 255."""
        pixels, codec = self._pixels, self._codec
        header = ImageHeader(
            generation=codec.generation,
            width=pixels.shape[1],
            height=pixels.shape[0],
            mode=MODES[pixels.shape[2]],
            depth=8 if pixels.itemsize == 1 else 16,
            position=position,
            profile=codec.profile_for((pixels.shape[0], pixels.shape[1])),
            symbol_hash=0,
        )
        chunks: list[Chunk] = []
        running = header.seed
        for kind, picture in zip((ChunkKind.PAYLOAD, ChunkKind.PAYLOAD_K), to_pictures(pixels), strict=False):
            payloads, running = codec.encode(picture, position, header.profile, running)
            chunks += [Chunk(kind, payload) for payload in payloads]
        if self._alpha is not None:
            running = _hash_alpha(self._alpha, running)
        header = replace(header, symbol_hash=running)
        self._last = header, chunks + self._extras
        return write(*self._last)

    def reconstruct(self) -> NDArray[np.integer]:
        """The pixels [H, W, C] that the last file decodes to, in the dtype of the original."""
        if self._last is None:
            raise ValueError("nothing was encoded yet")
        header, chunks = self._last
        latents, _ = _parse(self._codec, header, chunks)
        return to_pixels(
            [self._codec.synthesise(x, (header.height, header.width), header.position) for x in latents], header
        )


def encode_image(
    codec: ImageCodec,
    pixels: NDArray[np.integer],
    *,
    alpha: NDArray[np.integer] | None = None,
    icc: bytes | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    quality: float = 50.0,
    effort: int = 0,
) -> bytes:
    """The `.kdk` file of a picture, which `ImageEncoder` describes.

    quality: 0 to 100. Raises ValueError for anything else.
    """
    if not 0 <= quality <= 100:
        raise ValueError("quality must lie between 0 and 100")
    encoder = ImageEncoder(codec, pixels, alpha=alpha, icc=icc, exif=exif, xmp=xmp, effort=effort)
    return encoder.encode(round(quality * 2.55))


def decode_image(data: bytes, *, limits: Limits | None = None, device: str = "cpu") -> DecodedImage:
    """Decode a `.kdk` file. Raises CodecError (its kinds say what is wrong)."""
    header, chunks = read(data, limits or Limits())
    codec = load_codec(str(by_generation(header.generation).path), device)
    latents, alpha = _parse(codec, header, chunks)
    size = header.height, header.width
    pictures = [codec.synthesise(y_hat, size, header.position) for y_hat in latents]
    kept = {name: next((c.data for c in chunks if c.kind == kind), None) for name, kind in METADATA.items()}
    return DecodedImage(
        pixels=to_pixels(pictures, header),
        alpha=alpha,
        header=header,
        **kept,
    )


def verify_image(data: bytes, *, limits: Limits | None = None) -> ImageHeader:
    """Decode every symbol and check it against the file's hash, without the synthesis. Raises CodecError."""
    header, chunks = read(data, limits or Limits())
    _parse(load_codec(str(by_generation(header.generation).path), "cpu"), header, chunks)
    return header


def _parse(
    codec: ImageCodec, header: ImageHeader, chunks: list[Chunk]
) -> tuple[list[Tensor], NDArray[np.integer] | None]:
    """The latents of each picture and the alpha plane, all that is coded, checked against the symbol hash."""
    size = header.height, header.width
    running, latents = header.seed, []
    for payloads in _payloads(header, chunks):
        try:
            y_hat, running = codec.decode_latents(payloads, size, header.position, header.profile, running)
        except StreamError as error:
            raise DamagedError(f"The file is damaged: {error}.") from error
        latents.append(y_hat)
    alpha = next((decode_alpha(c.data, size, header.depth) for c in chunks if c.kind == ChunkKind.ALPHA), None)
    if alpha is not None:
        running = _hash_alpha(alpha, running)
    if running != header.symbol_hash:
        raise MismatchError("The decoded symbols are not those that were coded: the file or this decoder is at fault.")
    return latents, alpha


@lru_cache(maxsize=2)
def load_codec(path: str, device: str) -> ImageCodec:
    """The codec of a weights file, kept for the next picture."""
    return ImageCodec.load(path, device)


def to_pictures(pixels: NDArray[np.integer]) -> Iterable[Tensor]:
    """What the codec sees, float32 [1, 3, H, W] in [0, 1]: grey is spread over RGB, CMYK is light (1 - ink): CMY, K."""
    light = torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)[None]
    if pixels.shape[2] == 1:
        return [light.expand(-1, 3, -1, -1)]
    if pixels.shape[2] == 3:
        return [light]
    return [1 - light[:, :3], (1 - light[:, 3:]).expand(-1, 3, -1, -1)]


def to_pixels(pictures: list[Tensor], header: ImageHeader) -> NDArray[np.integer]:
    """The inverse of `to_pictures`, rounded to the file's depth."""
    if header.mode == "L":
        light = pictures[0].mean(1, keepdim=True)
    elif header.mode == "RGB":
        light = pictures[0]
    else:
        light = 1 - torch.cat((pictures[0], pictures[1].mean(1, keepdim=True)), 1)
    peak, dtype = (255, np.uint8) if header.depth == 8 else (65535, np.uint16)
    return light[0].permute(1, 2, 0).cpu().mul(peak).round_().numpy().astype(dtype)


def _payloads(header: ImageHeader, chunks: list[Chunk]) -> list[list[bytes]]:
    kinds = (ChunkKind.PAYLOAD, ChunkKind.PAYLOAD_K) if header.mode == "CMYK" else (ChunkKind.PAYLOAD,)
    return [[chunk.data for chunk in chunks if chunk.kind == kind] for kind in kinds]


def _hash_alpha(alpha: NDArray[np.integer], running: int) -> int:
    return crc32c(alpha.astype(alpha.dtype.newbyteorder("<")).tobytes(), running)
