"""Pictures as arrays <-> the bytes of a `.kdk` file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from kodek.entropy import StreamError, crc32c
from numpy.typing import NDArray
from torch import Tensor

from ..container import (
    Bytes,
    Chunk,
    ChunkKind,
    Contents,
    ImageHeader,
    Limits,
    expect,
    read_chunk,
    read_header,
    write,
)
from ..errors import DamagedError, MismatchError
from ..zoo import weights_of
from .alpha import decode_alpha, encode_alpha
from .area import Area, Grid, Region, region_area
from .codec import ImageCodec
from .hyperprior import STRIDE
from .refine import STEPS, check, refine
from .samples import MODES, PLANES, put_light, to_light
from .tiles import synthesise

METADATA = {"icc": ChunkKind.ICC, "exif": ChunkKind.EXIF, "xmp": ChunkKind.XMP}
PAYLOADS = (ChunkKind.PAYLOAD, ChunkKind.PAYLOAD_K)  # by plane
CHANNELS = {mode: channels for channels, mode in MODES.items()}

_MISMATCH = "The decoded symbols{} are not those that were coded: the file or this decoder is at fault."

Key = tuple[int, int]  # plane and number of a tile
Progress = Callable[[int, int], None]


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
    losslessly. effort: how long to look for better latents, 0 (not at all) to 3; progress is then called with the
    number of steps done and of all in an `encode`. memory: bytes of intermediate results that may be kept from one call
    to the next. Raises ValueError for anything else, UnsupportedError for a model without effort.
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
        progress: Progress | None = None,
        memory: int = 1 << 30,
    ) -> None:
        if pixels.ndim != 3 or pixels.shape[2] not in MODES or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError("pixels must be uint8 or uint16 of shape [H, W, 1, 3 or 4]")
        if not pixels.size:
            raise ValueError("a picture has at least one pixel")
        if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
            raise ValueError("alpha must have the height, width and dtype of the pixels")
        check(codec, effort)
        self._codec = codec
        self._pixels = pixels
        self._alpha = alpha
        self._effort = effort
        self._progress = progress
        self._steps = 0  # of the refinement, done
        self._grid = codec.grid(self._size)
        self._planes = len(PLANES[MODES[pixels.shape[2]]])
        values = {"icc": icc, "exif": exif, "xmp": xmp}
        self._extras = [Chunk(METADATA[name], data) for name, data in values.items() if data]
        if alpha is not None:
            self._extras.insert(0, Chunk(ChunkKind.ALPHA, encode_alpha(alpha)))
        self._stems = _Kept(memory // 2)
        self._latents = _Kept(memory // 2)
        self._last: tuple[ImageHeader, dict[Key, bytes]] | None = None

    def encode(self, position: int) -> bytes:
        """The `.kdk` file at a quality byte, 0 to 255."""
        codec, pixels = self._codec, self._pixels
        header = ImageHeader(
            generation=codec.generation,
            width=pixels.shape[1],
            height=pixels.shape[0],
            mode=MODES[pixels.shape[2]],
            depth=8 if pixels.itemsize == 1 else 16,
            position=position,
            profile=codec.profile_for(self._size),
            symbol_hash=0,
        )
        running, payloads, hashes = header.seed, {}, b""
        self._latents.clear()
        self._steps = 0
        numbers = range(len(self._grid.areas))
        # gradients take gigabytes: one tile at a time is refined, by all threads
        with codec.workers(1 if self._effort else len(numbers)) as workers:
            for plane in range(self._planes):
                tiles = workers.map(partial(self._encode_tile, header, plane, running), numbers)
                for number, (payload, hash) in enumerate(tiles):
                    payloads[plane, number] = payload
                    hashes += hash.to_bytes(4, "little")
                    if len(numbers) == 1:
                        running = hash
        self._last = header, payloads
        chunks = [Chunk(PAYLOADS[plane], payload) for (plane, _), payload in payloads.items()]
        if len(numbers) > 1:
            chunks.append(Chunk(ChunkKind.TILE_HASHES, hashes))
            running = crc32c(hashes, running)
        if self._alpha is not None:
            running = _hash_alpha(self._alpha, running)
        return write(replace(header, symbol_hash=running), chunks + self._extras)

    def reconstruct(self) -> NDArray[np.integer]:
        """The pixels [H, W, C] that the last file decodes to, in the dtype of the original."""
        if self._last is None:
            raise ValueError("nothing was encoded yet")
        header, payloads = self._last

        def latents(plane: int, number: int) -> Tensor:
            kept = self._latents.get((plane, number))
            if kept is not None:
                return kept
            area = self._grid.areas[number]
            return self._codec.decode_tile(payloads[plane, number], area, header.position, header.profile).latents

        return _paint(self._codec, header, self._grid, Area(0, 0, *self._size), latents)

    @property
    def overhead(self) -> int:
        """Bytes of alpha and metadata, which are the same at every quality."""
        return sum(len(chunk.data) for chunk in self._extras)

    def nonzero(self, position: int, positions: Sequence[int]) -> NDArray[np.int64]:
        """How many latents are about not rounded to zero at each of `positions`: see `ImageCodec.nonzero`."""

        def count(key: Key) -> NDArray[np.int64]:
            return self._codec.nonzero(self._analyse(key, position)[0], position, positions)

        keys = [(plane, number) for plane in range(self._planes) for number in range(len(self._grid.areas))]
        with self._codec.workers(len(keys)) as workers:
            return sum(workers.map(count, keys), np.zeros(len(positions), np.int64))

    def _analyse(self, key: Key, position: int) -> tuple[Tensor, Tensor]:
        """(y, z) of a tile of a plane."""
        plane, number = key
        codec, grid, area = self._codec, self._grid, self._grid.areas[number]
        stem = self._stems.get(key)
        if stem is None:
            stem = codec.stem(partial(to_light, self._pixels, plane), self._size, grid, area)
            self._stems.keep(key, stem)
        return codec.analyse(stem, grid, area, position)

    def _encode_tile(self, header: ImageHeader, plane: int, running: int, number: int) -> tuple[bytes, int]:
        """The payload, and the hash of its symbols, which continues `running`."""
        codec, grid, key = self._codec, self._grid, (plane, number)
        y, z = self._analyse(key, header.position)
        if self._effort:
            area, read = grid.areas[number], partial(to_light, self._pixels, plane)
            advance = partial(self._advance, STEPS[self._effort] * self._planes * len(grid.areas))
            y, z = refine(codec, read, self._size, grid, area, y, z, header.position, self._effort, advance)
        tile = codec.encode_tile(y, z, header.position, header.profile, running)
        self._latents.keep(key, tile.latents)
        return tile.payload, tile.hash

    def _advance(self, total: int) -> None:
        """A step of `refine` is done."""
        self._steps += 1
        if self._progress:
            self._progress(self._steps, total)

    @property
    def _size(self) -> tuple[int, int]:
        return self._pixels.shape[0], self._pixels.shape[1]


class _Kept(dict[Key, Tensor]):
    """Tensors by tile, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def keep(self, key: Key, x: Tensor) -> None:
        if sum(kept.nbytes for kept in list(self.values())) + x.nbytes <= self._limit:
            self[key] = x


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
    progress: Progress | None = None,
) -> bytes:
    """The `.kdk` file of a picture, which `ImageEncoder` describes.

    quality: 0 to 100. Raises ValueError for anything else.
    """
    if not 0 <= quality <= 100:
        raise ValueError("quality must lie between 0 and 100")
    encoder = ImageEncoder(
        codec, pixels, alpha=alpha, icc=icc, exif=exif, xmp=xmp, effort=effort, progress=progress, memory=0
    )
    return encoder.encode(round(quality * 2.55))


def decode_image(
    data: Bytes, *, limits: Limits | None = None, device: str = "cpu", region: Region | None = None
) -> DecodedImage:
    """Decode a `.kdk` file, or a region of it from the tiles that it touches; of the others nothing is read.

    Raises CodecError (its kinds say what is wrong), ValueError for a region that is not inside the picture.
    """
    contents = read_header(data, limits or Limits())
    header = expect(ImageHeader, contents.header)
    size = header.height, header.width
    area = Area(0, 0, *size) if region is None else region_area(region, size)
    codec = load_codec(str(weights_of(header).path), device)
    extras = _extras(data, contents)
    symbols = _Symbols(codec, data, contents, extras)
    pixels = _paint(codec, header, symbols.grid, area, symbols.latents)
    symbols.finish()
    return DecodedImage(
        pixels=pixels,
        alpha=None if symbols.alpha is None else symbols.alpha[area.slices],
        header=header,
        **{name: extras.get(kind) for name, kind in METADATA.items()},
    )


def verify_image(data: bytes, *, limits: Limits | None = None) -> ImageHeader:
    """Decode every symbol and check it against the file's hashes, without the synthesis. Raises CodecError."""
    contents = read_header(data, limits or Limits())
    header = expect(ImageHeader, contents.header)
    codec = load_codec(str(weights_of(header).path), "cpu")
    symbols = _Symbols(codec, data, contents, _extras(data, contents))
    with codec.workers(len(symbols.grid.areas)) as workers:
        for plane in range(len(PLANES[header.mode])):
            for _ in workers.map(partial(symbols.latents, plane), range(len(symbols.grid.areas))):
                pass
    symbols.finish()
    return header


def _extras(data: Bytes, contents: Contents) -> dict[int, bytes]:
    """All chunks but the payloads, which are read tile by tile."""
    return {entry.kind: read_chunk(data, entry) for entry in contents.entries if entry.kind not in PAYLOADS}


class _Symbols:
    """What the payloads of a file hold, checked against the hashes: each tile's, or that of the only tile."""

    def __init__(self, codec: ImageCodec, data: Bytes, contents: Contents, extras: Mapping[int, bytes]) -> None:
        self._codec = codec
        self._data = data
        self._header = header = expect(ImageHeader, contents.header)
        self._entries = [[entry for entry in contents.entries if entry.kind == kind] for kind in PAYLOADS]
        self.grid = codec.grid((header.height, header.width))
        tiles, count = len(self.grid.areas), len(self._entries[0])
        if tiles != count:
            raise DamagedError(f"The file is damaged: it has {count} payloads for {tiles} tiles.")
        alpha = extras.get(ChunkKind.ALPHA)
        size = header.height, header.width
        self.alpha = None if alpha is None else decode_alpha(alpha, size, header.depth)
        self._running = header.seed
        self._hashes: list[int] = []
        if tiles > 1:
            hashes = extras[ChunkKind.TILE_HASHES]
            if len(hashes) != 4 * tiles * len(PLANES[header.mode]):
                raise DamagedError("The file is damaged: its hashes are not one for each tile.")
            self._check(crc32c(hashes, self._running))
            self._hashes = np.frombuffer(hashes, "<u4").tolist()

    def latents(self, plane: int, number: int) -> Tensor:
        """The latents of a tile, int32 [1, C, h, w]. Raises DamagedError or MismatchError."""
        entry, area, header = self._entries[plane][number], self.grid.areas[number], self._header
        payload = read_chunk(self._data, entry)
        try:
            tile = self._codec.decode_tile(payload, area, header.position, header.profile, self._running)
        except StreamError as error:
            raise DamagedError(f"The file is damaged: the payload{entry.part}: {error}.") from error
        if not self._hashes:
            self._running = tile.hash
        elif tile.hash != self._hashes[plane * len(self.grid.areas) + number]:
            raise MismatchError(_MISMATCH.format(entry.part))
        return tile.latents

    def finish(self) -> None:
        """Raises MismatchError unless the symbols of the only tile, or tiles, are those that were coded."""
        if not self._hashes:
            self._check(self._running)

    def _check(self, running: int) -> None:
        if self.alpha is not None:
            running = _hash_alpha(self.alpha, running)
        if running != self._header.symbol_hash:
            raise MismatchError(_MISMATCH.format(""))


def _paint(
    codec: ImageCodec, header: ImageHeader, grid: Grid, region: Area, latents: Callable[[int, int], Tensor]
) -> NDArray[np.integer]:
    """The pixels of a region [h, w, C]; latents: plane and number of a tile -> its latents."""
    dtype = np.uint8 if header.depth == 8 else np.uint16
    pixels: NDArray[np.integer] = np.empty((region.height, region.width, CHANNELS[header.mode]), dtype)
    part = region.over(STRIDE)
    transform = partial(codec.synthesise, position=header.position)

    def put(plane: int, area: Area, light: Tensor) -> None:
        area = area.times(STRIDE)
        seen = area.meet(region)
        put_light(pixels, plane, seen.within(region), light[:, :, *seen.within(area).slices])

    with codec.workers(len(grid.under(grid.around(part)))) as workers:
        for plane in range(len(PLANES[header.mode])):
            synthesise(grid, part, partial(latents, plane), transform, partial(put, plane), workers)
    return pixels


@lru_cache(maxsize=2)
def load_codec(path: str, device: str) -> ImageCodec:
    """The codec of a weights file, kept for the next picture."""
    return ImageCodec.load(path, device)


def _hash_alpha(alpha: NDArray[np.integer], running: int) -> int:
    return crc32c(alpha.astype(alpha.dtype.newbyteorder("<")).tobytes(), running)
