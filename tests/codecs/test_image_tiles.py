"""Large pictures: tiles without seams, regions, and damage that stays in its tile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kodek.codecs.container import ChunkKind, read, read_header
from kodek.codecs.errors import DamagedError, MismatchError
from kodek.codecs.image import tiles as tiles_module
from kodek.codecs.image.area import Area, Grid
from kodek.codecs.image.codec import ImageCodec
from kodek.codecs.image.file import ImageEncoder, decode_image, encode_image, load_codec, verify_image
from kodek.codecs.image.target import expected_sizes
from kodek.codecs.image.tiles import Workers, synthesise
from kodek.entropy import coder as coder_module
from kodek.entropy import crc32c, symbol_hash

TINY = Path(__file__).parents[1] / "golden" / "tiny" / "weights.safetensors"
SIZE = (150, 210)  # 10 x 14 latents: 3 x 4 tiles of 4


@pytest.fixture
def codec(monkeypatch):
    """With tiles of 4 latents."""
    monkeypatch.setenv("KODEK_MODELS", str(TINY.parents[1]))
    codec = load_codec(str(TINY), "cpu")
    monkeypatch.setattr(codec, "tile", 4)
    return codec


def picture(channels: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    random = np.random.default_rng(channels)
    coarse = random.integers(0, 255, (-(-size[0] // 10), -(-size[1] // 10), channels), np.uint8)
    return coarse.repeat(10, 0).repeat(10, 1)[: size[0], : size[1]]


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize(("size", "sides"), [((64, 48), [(64, 48)]), ((68, 9), [(36, 9), (32, 9)])])
def test_tiles_are_as_few_and_as_equal_as_can_be(size, sides):
    assert [(area.height, area.width) for area in Grid(size, 64, 2).areas] == sides


@pytest.mark.parametrize("size", [(10, 14), (4, 4), (1, 9), (13, 3)])
def test_tiles_cover_the_latents_once_and_know_where_they_lie(size):
    grid = Grid(size, 4, 2)
    seen = np.full(size, -1)
    for number, area in enumerate(grid.areas):
        assert (seen[area.slices] == -1).all()
        seen[area.slices] = number
    assert (seen >= 0).all()
    for area in (grid.whole, Area(0, 0, 1, 1), Area(size[0] - 1, size[1] - 1, *size), grid.around(grid.areas[-1])):
        assert sorted(grid.under(area)) == np.unique(seen[area.slices]).tolist() == sorted(grid.path(area))


def test_analysis_by_tiles_is_that_of_the_whole(codec):
    x = torch.rand(1, 3, *SIZE)

    def features(tile):
        codec.tile = tile
        grid = codec.grid(SIZE)
        out = torch.zeros(codec.config.latents, *grid.whole[2:])
        for area in grid.areas:
            stem = codec.stem(lambda area: x[:, :, *area.slices], SIZE, grid, area)
            out[:, *area.slices] = codec.analyse(stem, grid, area, 100)[0]
        return out

    torch.testing.assert_close(features(4), features(128), rtol=1e-4, atol=1e-4)


def test_bands_change_nothing_but_rounding(codec, monkeypatch):
    x = torch.rand(1, 3, *SIZE)
    grid = codec.grid(SIZE)
    latents = torch.randint(-99, 99, (1, codec.config.latents, 11, 3), dtype=torch.int32)

    def results(band):
        monkeypatch.setattr(tiles_module, "BAND", band)
        stem = codec.stem(lambda area: x[:, :, *area.slices], SIZE, grid, grid.areas[5])
        return stem, codec.synthesise(latents, 100)

    for bands, whole in zip(results(3), results(80), strict=True):
        torch.testing.assert_close(bands, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(10, 14), (14, 10), (9, 4)])
@pytest.mark.parametrize("tile", [2, 4])
def test_synthesis_by_tiles_is_that_of_the_whole(codec, size, tile):
    codec.tile = tile
    grid = codec.grid((16 * size[0], 16 * size[1]))
    latents = torch.randint(-99, 99, (1, codec.config.latents, *size), dtype=torch.int32)
    latents[:, :, 0, 0] = 2**20  # rare, but a latent may be as large
    expected = codec.synthesise(latents, 100)
    out = torch.zeros_like(expected)

    def put(area, samples):
        out[:, :, *area.times(16).slices] += samples

    with codec.workers(4) as workers:
        synthesise(
            grid,
            grid.whole,
            lambda number: latents[:, :, *grid.areas[number].slices],
            lambda part: codec.synthesise(part, 100),
            put,
            workers,
        )
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("region", [(0, 0, 210, 150), (60, 60, 9, 9), (209, 149, 1, 1), (0, 70, 210, 3)])
def test_region_is_the_crop_of_the_whole(codec, channels, region):
    pixels = picture(channels)
    data = encode_image(codec, pixels, alpha=np.ascontiguousarray(pixels[:, :, 0]), quality=70)
    x, y, width, height = region
    whole, part = decode_image(data), decode_image(data, region=region)
    assert part.pixels.shape == (height, width, channels)
    assert difference(part.pixels, whole.pixels[y : y + height, x : x + width]) <= 1
    assert np.array_equal(part.alpha, pixels[y : y + height, x : x + width, 0])


@pytest.mark.parametrize("region", [(0, 0, 211, 1), (-1, 0, 5, 5), (0, 0, 0, 5), (210, 0, 1, 1), (0, 150, 1, 1)])
def test_region_outside_of_the_picture_is_refused(codec, region):
    data = encode_image(codec, picture(3))
    with pytest.raises(ValueError, match="inside of the picture, which has 210 x 150"):
        decode_image(data, region=region)


class Counting:
    """The bytes of a file that remember which of them were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = np.zeros(len(data), bool)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> bytes:
        self.read[part] = True
        return self.data[part]


def test_region_reads_only_its_tiles(codec):
    size = (64 * 7, 64 * 7)
    data = Counting(encode_image(codec, picture(3, size)))
    decode_image(data, region=(3 * 64 + 10, 3 * 64 + 10, 40, 40))
    payloads = [entry for entry in read_header(data.data).entries if entry.kind == ChunkKind.PAYLOAD]
    read = {number for number, e in enumerate(payloads) if data.read[e.start : e.start + e.size].all()}
    unread = {number for number, e in enumerate(payloads) if not data.read[e.start : e.start + e.size].any()}
    assert read == {7 * row + column for row in (2, 3, 4) for column in (2, 3, 4)}  # the halo is 4 latents: a tile
    assert len(unread) == 49 - 9


def test_damage_stays_in_its_tile(codec):
    size = (64 * 5, 64 * 5)
    data = bytearray(encode_image(codec, picture(3, size)))
    whole = decode_image(bytes(data)).pixels
    entry = [entry for entry in read_header(bytes(data)).entries if entry.kind == ChunkKind.PAYLOAD][6]
    data[entry.start + 3] ^= 1
    damaged = bytes(data)
    for decode in (decode_image, verify_image):
        with pytest.raises(DamagedError, match="of tile 7 of 25 "):
            decode(damaged)
    region = decode_image(damaged, region=(200, 200, 100, 100)).pixels
    assert difference(region, whole[200:300, 200:300]) <= 1
    with pytest.raises(DamagedError, match="of tile 7 of 25 "):
        decode_image(damaged, region=(64, 64, 1, 1))


def test_symbols_of_another_tile_are_refused(codec, monkeypatch):
    """As from a decoder at fault: all checksums are right."""
    data = encode_image(codec, picture(3))
    decode_tile = ImageCodec.decode_tile

    def faulty(self, payload, area, *args):
        tile = decode_tile(self, payload, area, *args)
        return tile._replace(hash=tile.hash ^ (area.top == 4 and area.left == 8))

    monkeypatch.setattr(ImageCodec, "decode_tile", faulty)
    with pytest.raises(MismatchError, match="of tile 7 of 12 "):
        verify_image(data)
    decode_image(data, region=(0, 0, 10, 10))


def test_encoder_at_several_qualities_makes_the_files_of_one(codec):
    pixels = picture(4)
    kept, forgetful = ImageEncoder(codec, pixels), ImageEncoder(codec, pixels, memory=0)
    for quality in (70, 20):
        data = encode_image(codec, pixels, quality=quality)
        decoded = decode_image(data).pixels
        for encoder in (kept, forgetful):
            assert encoder.encode(round(quality * 2.55)) == data
            assert difference(encoder.reconstruct(), decoded) <= 1


@pytest.mark.parametrize("channels", [3, 4])
def test_expected_sizes_rise_with_the_counts_of_all_tiles(codec, channels):
    pixels = picture(channels)
    encoder = ImageEncoder(codec, pixels, icc=bytes(1000))
    whole = ImageEncoder(codec, pixels)
    whole._grid = Grid(encoder._grid.whole[2:], 128, codec.halo)
    counts, all_at_once = (e.nonzero(100, [0, 100, 255]) for e in (encoder, whole))
    np.testing.assert_allclose(counts, all_at_once, rtol=0.01)  # but for roundings of the transforms
    assert 0 < counts[0] < counts[1] < counts[2]
    expected = expected_sizes(encoder)
    assert expected.shape == (256,) and (np.diff(expected) > 0).all() and expected[0] > encoder.overhead == 1000


def test_any_number_of_workers_decodes(codec, monkeypatch):
    data = encode_image(codec, picture(3))
    threads = torch.get_num_threads()
    decoded = []
    for workers in (1, 3):
        torch.set_num_threads(workers)
        monkeypatch.setattr(ImageCodec, "workers", lambda self, tiles, n=workers: Workers(tiles, self.device, n))
        verify_image(data)
        decoded.append(decode_image(data).pixels)
        assert torch.get_num_threads() == workers
    torch.set_num_threads(threads)
    assert difference(*decoded) <= 1


def test_hashes_are_those_of_the_format(codec, monkeypatch):
    """Section 2 of docs/format.md."""
    groups = []

    def recorded(symbols, running):
        groups.append(symbols.astype("<i2").tobytes())
        return symbol_hash(symbols, running)

    monkeypatch.setattr(coder_module, "symbol_hash", recorded)
    monkeypatch.setattr(ImageCodec, "workers", lambda self, tiles: Workers(tiles, self.device, 1))
    alpha = np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE)
    header, chunks = read(encode_image(codec, picture(4), alpha=alpha))
    seed = crc32c(replace(header, symbol_hash=0).write())
    tiles = [b"".join(groups[at : at + 3]) for at in range(0, len(groups), 3)]  # z and two parts of y
    assert len(tiles) == 24
    expected = b"".join(crc32c(tile, seed).to_bytes(4, "little") for tile in tiles)
    assert [chunk.data for chunk in chunks if chunk.kind == ChunkKind.TILE_HASHES] == [expected]
    assert header.symbol_hash == crc32c(alpha.tobytes(), crc32c(expected, seed))
