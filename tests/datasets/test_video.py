"""Reading and writing video."""

from __future__ import annotations

import builtins
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kodek.datasets import MediaError, MediaWriteError, Video, iter_frames, read_video, write_y4m

av = pytest.importorskip("av", reason="PyAV is not installed")

RANDOM = np.random.default_rng(0)
NTSC = Fraction(30000, 1001)


def noise(frames: int = 3, height: int = 16, width: int = 24, rate: Fraction = NTSC) -> Video:
    chroma = (frames, -(-height // 2), -(-width // 2))
    y, u, v = (RANDOM.integers(0, 256, shape, dtype=np.uint8) for shape in ((frames, height, width), chroma, chroma))
    return Video(y, u, v, rate)


def same(a: Video, b: Video) -> bool:
    return a.rate == b.rate and all(np.array_equal(getattr(a, plane), getattr(b, plane)) for plane in "yuv")


def coded(path: Path, frames: list[Any], codec: str = "ffv1", rate: int = 25, **attributes: Any) -> Path:
    """A file of av.VideoFrames. attributes: of the encoder, as `color_range`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
        for name, value in attributes.items():
            setattr(stream.codec_context, name, value)
        for number, frame in enumerate(frames):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def flat(y: int, u: int, v: int, pixel_format: str = "yuv420p", width: int = 32, height: int = 16) -> Any:
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, value in zip(frame.planes, (y, u, v), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def colour(video: Video) -> list[int]:
    planes = (video.y, video.u, video.v)
    assert all(np.ptp(plane.astype(int)) <= 1 for plane in planes)
    return [int(np.median(plane)) for plane in planes]


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (1, 1), (2, 7), (33, 2)])
def test_y4m_comes_back_bit_for_bit(tmp_path: Path, size: tuple[int, int]) -> None:
    video = noise(3, *size)
    write_y4m(tmp_path / "a.y4m", video)
    assert same(read_video(tmp_path / "a.y4m"), video)


def test_y4m_is_the_header_and_the_planes(tmp_path: Path) -> None:
    video = noise(2, 4, 6, Fraction(25))
    write_y4m(tmp_path / "a.y4m", video)
    head, *frames = (tmp_path / "a.y4m").read_bytes().split(b"FRAME\n")
    assert head == b"YUV4MPEG2 W6 H4 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n"
    assert frames == [video.y[i].tobytes() + video.u[i].tobytes() + video.v[i].tobytes() for i in range(2)]


def test_frames_one_by_one(tmp_path: Path) -> None:
    video = noise(4)
    write_y4m(tmp_path / "a.y4m", video)
    frames = list(iter_frames(tmp_path / "a.y4m"))
    assert [len(frame.y) for frame in frames] == [1] * 4 and {frame.rate for frame in frames} == {NTSC}
    assert np.array_equal(np.concatenate([frame.v for frame in frames]), video.v)
    first = read_video(tmp_path / "a.y4m", max_frames=2)
    assert len(first.y) == 2 and np.array_equal(first.y, video.y[:2])


def test_lossless_file_comes_back_bit_for_bit(tmp_path: Path) -> None:
    video = noise(3, 18, 34, Fraction(25))
    frames = []
    for planes in zip(video.y, video.u, video.v, strict=True):
        stacked = np.concatenate([plane.ravel() for plane in planes]).reshape(-1, 34)
        frames.append(av.VideoFrame.from_ndarray(stacked, "yuv420p"))
    assert same(read_video(coded(tmp_path / "a.mkv", frames)), video)


def test_colours_become_bt709_of_limited_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    assert colour(read_video(coded(path, [flat(200, 100, 150)]))) == [200, 100, 150], "unmarked: as it is"
    assert colour(read_video(coded(path, [flat(200, 100, 150)], colorspace=1))) == [200, 100, 150]
    full = colour(read_video(coded(path, [flat(200, 100, 150)], color_range=2)))
    assert full == pytest.approx([16 + 200 * 219 / 255, 128 - 28 * 224 / 255, 128 + 22 * 224 / 255], abs=1)
    assert colour(read_video(coded(path, [flat(200, 100, 150, "yuv444p")]))) == [200, 100, 150]
    # BT.601 to RGB and on to BT.709 by hand
    r, b = 1.402 * 22 / 224, 1.772 * -28 / 224
    g = -(0.299 * r + 0.114 * b) / 0.587
    change = 0.2126 * r + 0.7152 * g + 0.0722 * b
    expected = [200 + 219 * change, 128 + 224 * (b - change) / 1.8556, 128 + 224 * (r - change) / 1.5748]
    other = colour(read_video(coded(path, [flat(200, 100, 150)], colorspace=5)))
    assert other == pytest.approx(expected, abs=1)
    assert other != [200, 100, 150]


def test_rgb_becomes_bt709(tmp_path: Path) -> None:
    rgb = np.full((16, 32, 3), (200, 50, 30), np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="bgr0")
    y = 0.2126 * 200 + 0.7152 * 50 + 0.0722 * 30
    expected = [16 + 219 / 255 * y, 128 + 224 / 255 * (30 - y) / 1.8556, 128 + 224 / 255 * (200 - y) / 1.5748]
    assert colour(read_video(coded(tmp_path / "a.mkv", [frame]))) == pytest.approx(expected, abs=1)


def turned(data: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """An MP4 file with another display matrix in the track header."""
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value.to_bytes(4, "big", signed=True) for value in matrix)
    assert data[at : at + 4] == (1 << 16).to_bytes(4, "big")
    return data[:at] + a + b + bytes(4) + c + d + data[at + 20 :]


def test_rotated_files_are_turned_upright(tmp_path: Path) -> None:
    y = np.full((32, 48), 40, np.uint8)
    y[:16, :24] = 200  # upper left
    grey = np.full(32 * 48 // 2, 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.concatenate([y.ravel(), grey]).reshape(-1, 48), "yuv420p")
    path = coded(tmp_path / "a.mp4", [frame], "mpeg4")
    data, one = path.read_bytes(), 1 << 16
    # ISO 14496-12: the picture's x and y become (a x + c y, b x + d y). Clockwise, the upper left goes to the right.
    corners = {(0, one, -one, 0): (0, -1), (-one, 0, 0, -one): (-1, -1), (0, -one, one, 0): (-1, 0)}
    for matrix, corner in corners.items():
        path.write_bytes(turned(data, matrix))
        video = read_video(path)
        assert video.y.shape == ((1, 48, 32) if matrix[1] else (1, 32, 48))
        assert video.y[0][corner] > 150 and (video.y[0] > 150).mean() == pytest.approx(0.25, abs=0.1)


def test_limits_refuse_before_and_while_decoding(tmp_path: Path) -> None:
    write_y4m(tmp_path / "a.y4m", noise(4, 16, 24))
    assert len(read_video(tmp_path / "a.y4m", max_pixels=4 * 16 * 24).y) == 4
    with pytest.raises(MediaError, match=r"a\.y4m can't be read: its frames have more than 1535 pixels together\.$"):
        read_video(tmp_path / "a.y4m", max_pixels=4 * 16 * 24 - 1)
    path = coded(tmp_path / "a.mp4", [flat(9, 9, 9) for _ in range(4)], "mpeg4")
    with pytest.raises(MediaError, match="more than 2047 pixels"):
        next(iter_frames(path, max_pixels=4 * 16 * 32 - 1))
    assert len(read_video(path, 2, 2 * 16 * 32).y) == 2
    (tmp_path / "b.y4m").write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 C420mpeg2\nFRAME\n" + bytes(99))
    with pytest.raises(MediaError, match=r"b\.y4m can't be read"):
        read_video(tmp_path / "b.y4m")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"missing\.mp4 can't be read as video: No such file or directory\.$"):
        read_video(tmp_path / "missing.mp4")
    with pytest.raises(MediaError, match="Is a directory"):
        read_video(tmp_path)
    (tmp_path / "a.mp4").write_bytes(RANDOM.bytes(5000))
    with pytest.raises(MediaError, match=r"a\.mp4 can't be read as video"):
        read_video(tmp_path / "a.mp4")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match="can't be read as video"):
        read_video(tmp_path / "list.m3u8")
    (tmp_path / "empty.y4m").write_bytes(b"YUV4MPEG2 W6 H4 F25:1 C420mpeg2\n")
    with pytest.raises(MediaError, match=r"empty\.y4m holds no video\.$"):
        read_video(tmp_path / "empty.y4m")


def test_a_file_that_is_cut_off_gives_its_whole_frames(tmp_path: Path) -> None:
    video = noise()
    write_y4m(tmp_path / "a.y4m", video)
    (tmp_path / "a.y4m").write_bytes((tmp_path / "a.y4m").read_bytes()[:-1])
    assert np.array_equal(read_video(tmp_path / "a.y4m").y, video.y[:2])


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    file = io.BytesIO()
    with av.open(file, "w", "mov") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (tmp_path / "a.mov").write_bytes(file.getvalue())
    with pytest.raises(MediaError, match="holds no video"):
        read_video(tmp_path / "a.mov")


def test_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(MediaWriteError, match="there is no folder"):
        write_y4m(tmp_path / "none" / "a.y4m", noise())


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_av(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "av":
            raise ModuleNotFoundError("No module named 'av'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(MediaError, match=r"^Video needs PyAV: pip install av\.$"):
        read_video(tmp_path / "a.mp4")
