"""Directories of tags: values come through as the bytes that they were, and hostile ones end in ValueError."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kodek.datasets import Picture, read_picture, write_picture
from kodek.datasets.exif import drop_orientation, orientation
from kodek.datasets.ifd import EXIF, GPS, LONG, SHORT, UNDEFINED, Directory, Entry, pack_exif, read_directory, read_exif
from PIL import Image

ASCII, RATIONAL = 2, 5
INTEROPERABILITY = 0xA005


def camera(order: str) -> Directory:
    """EXIF as cameras write it, with text that is no ASCII and values of every place and size."""
    main, inner, place, interoperability = (Directory(order) for _ in range(4))
    main.put(0x013B, ASCII, "Zoë\0".encode())
    main.put(0x0132, ASCII, b"2026:11:22 01:02:03\0")
    main.put(0x4746, SHORT, [5])
    inner.put(0x9000, UNDEFINED, b"0232")
    inner.put(0x9286, UNDEFINED, b"ASCII\0\0\0odd length")
    inner.entries[0x829A] = Entry(0x829A, RATIONAL, 1, struct.pack(order + "II", 1, 250))
    inner.entries[0x9204] = Entry(0x9204, 10, 1, struct.pack(order + "ii", -7, 10))
    place.put(1, ASCII, b"N\0")
    interoperability.put(1, ASCII, b"R98\0")
    inner.within[INTEROPERABILITY] = interoperability
    main.within = {EXIF: inner, GPS: place}
    return main


@pytest.mark.parametrize("order", "<>")
def test_there_and_back(order):
    assert read_exif(pack_exif(camera(order))) == camera(order)


def test_libraries_read_it():
    for order in "<>":
        exif = Image.Exif()
        exif.load(pack_exif(camera(order)))
        assert exif[0x0132] == "2026:11:22 01:02:03"
        assert exif.get_ifd(EXIF)[0x829A] == 1 / 250
        assert exif.get_ifd(INTEROPERABILITY)[1] == "R98"
        assert exif.get_ifd(GPS)[1] == "N"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("order", "<>")
def test_every_format_keeps_every_byte(make_picture, order, name):
    exif, file = camera(order), io.BytesIO()
    exif.put(0x0112, SHORT, [1])
    assert write_picture(file, Picture(make_picture().pixels, exif=pack_exif(exif)), name) == []
    file.seek(0)
    back = read_exif(read_picture(file).exif)
    back.entries.pop(0x0112, None)  # upright in any case
    assert back == camera(order)


@pytest.mark.parametrize("order", "<>")
def test_drop_orientation(order):
    exif = camera(order)
    exif.put(0x0112, SHORT, [6])
    packed = pack_exif(exif)
    assert orientation(packed) == 6
    without = drop_orientation(packed)
    assert len(without) == len(packed)
    assert read_exif(without) == camera(order)
    assert drop_orientation(without) == without


def test_big_tiff(data):
    directory = read_directory(io.BytesIO((data / "rgb16-bigtiff.tif").read_bytes()))
    assert directory.numbers(256) == (7,)
    assert directory.numbers(258) == (16, 16, 16)


def test_damaged_entries_are_left_out(make_picture):
    exif = pack_exif(camera("<"))
    at = exif.index(b"2026:11:22")
    damaged = exif.replace(
        struct.pack("<HHII", 0x0132, ASCII, 20, at), struct.pack("<HHII", 0x0132, ASCII, 20, 1 << 30)
    )
    directory = read_exif(damaged)
    assert directory.damaged
    assert 0x0132 not in directory.entries and 0x013B in directory.entries
    file = io.BytesIO()
    assert write_picture(file, Picture(make_picture().pixels, exif=damaged), "TIFF") == ["damaged parts of EXIF"]
    file.seek(0)
    assert read_picture(file).notes == ()


def test_no_entry_is_read_twice():
    """A small file can't claim megabytes by pointing to the same bytes from thousands of entries."""
    entries = b"".join(struct.pack("<HHII", tag, 7, 60_000, 0) for tag in range(5000))
    directory = read_exif(b"II*\0" + struct.pack("<IH", 8, 5000) + entries + bytes(4))
    assert directory.damaged
    assert not directory.entries


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from("<>"),
    st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_hostile_bytes(order, changes, length):
    exif = bytearray(pack_exif(camera(order)))
    for position, value in changes:
        exif[position % len(exif)] = value
    try:
        directory = read_exif(bytes(exif[:length]))
    except ValueError:
        return
    assert sum(len(entry.data) for entry in directory.entries.values()) <= length
    pack_exif(directory)


def test_numbers_are_unsigned_whole():
    directory = camera("<")
    assert directory.numbers(0x4746) == (5,)
    assert directory.numbers(0x013B) == directory.numbers(1) == ()
    directory.put(300, LONG, [1, 2])
    assert directory.numbers(300) == (1, 2)
    assert directory.data(300) is None
