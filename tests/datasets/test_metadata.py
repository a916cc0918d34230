"""Orientation, ICC profile, EXIF and XMP: kept, or said to be lost."""

import io
import struct

import numpy as np
import pytest
import tifffile
from kodek.datasets import Picture, read_picture, write_picture
from kodek.datasets.exif import orientation, reset_orientation, upright
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import putchunk

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6">\xc3\xa9</rdf:Description></x:xmpmeta>'
# How the stored picture [[1, 2], [3, 4], [5, 6]] is seen, by the definition of the tag in EXIF 2.32.
SEEN = {
    1: [[1, 2], [3, 4], [5, 6]],
    2: [[2, 1], [4, 3], [6, 5]],
    3: [[6, 5], [4, 3], [2, 1]],
    4: [[5, 6], [3, 4], [1, 2]],
    5: [[1, 3, 5], [2, 4, 6]],
    6: [[5, 3, 1], [6, 4, 2]],
    7: [[6, 4, 2], [5, 3, 1]],
    8: [[2, 4, 6], [1, 3, 5]],
}


@pytest.mark.parametrize("tag", range(1, 9))
def test_upright(tag):
    assert upright(np.array([[1, 2], [3, 4], [5, 6]]), tag).tolist() == SEEN[tag]


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_pixels_are_upright_and_stay_so(make_picture, make_exif, name, tag):
    exif = make_exif(tag)
    stored = Image.fromarray(make_picture("RGB", 8, name != "JPEG").pixels)
    file = io.BytesIO()
    options = {"quality": 100, "subsampling": 0} if name == "JPEG" else {"lossless": True}
    stored.save(file, name, exif=b"Exif\0\0" + exif, **({} if name in ("PNG", "TIFF") else options))
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB")).astype(int)
    file.seek(0)
    for _ in range(2):  # what was read is written and read again
        picture = read_picture(file)
        assert np.abs(picture.pixels - wanted).max() <= (12 if name == "JPEG" else 0)
        assert orientation(picture.exif) == 1
        file = io.BytesIO()
        write_picture(file, picture, "PNG" if name == "JPEG" else name)
        file.seek(0)


@pytest.mark.parametrize("tag", range(1, 9))
def test_deep_tiff_is_upright(make_picture, make_exif, tmp_path, tag):
    samples = make_picture("RGB", 16).pixels
    for planar in ("contig", "separate"):
        data = samples if planar == "contig" else np.moveaxis(samples, 2, 0)
        tifffile.imwrite(
            tmp_path / "a.tif", data, photometric="rgb", planarconfig=planar, extratags=[(274, "H", 1, tag)]
        )
        picture = read_picture(tmp_path / "a.tif")
        assert (picture.pixels == upright(samples, tag)).all()
        assert orientation(picture.exif) == 1


def test_alpha_turns_along(make_picture, make_exif):
    picture, file = make_picture("L", 16, True), io.BytesIO()
    write_picture(file, Picture(picture.pixels, picture.alpha, exif=make_exif(6)), "PNG")
    file.seek(0)
    back = read_picture(file)
    assert (back.pixels == upright(picture.pixels, 6)).all()
    assert (back.alpha == upright(picture.alpha, 6)).all()


def test_rotation_of_avif(data):
    straight, turned = read_picture(data / "lossless.avif"), read_picture(data / "rotated.avif")
    assert (turned.pixels == np.rot90(straight.pixels)).all()
    assert orientation(turned.exif) == 1


@pytest.mark.parametrize("order", "<>")
def test_only_orientation_changes_in_exif(make_exif, order):
    assert orientation(make_exif(8, order)) == 8
    assert reset_orientation(make_exif(8, order)) == make_exif(1, order)


@pytest.mark.parametrize(
    "exif", [None, b"", b"II*\0", b"nonsense", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_has_no_orientation(exif):
    assert orientation(exif) == 1
    if exif is not None:
        assert reset_orientation(exif) == exif


def test_nonsense_orientation_is_none(make_exif):
    assert orientation(make_exif(9)) == orientation(make_exif(0)) == 1


KEEPING = [
    *[(name, mode, 8) for name in ("PNG", "AVIF") for mode in ("L", "RGB")],
    *[(name, mode, 8) for name in ("JPEG", "TIFF") for mode in ("L", "RGB", "CMYK")],
    *[("PNG", mode, 16) for mode in ("L", "RGB")],
    *[("TIFF", mode, 16) for mode in ("L", "RGB", "CMYK")],
    ("WEBP", "RGB", 8),
]


@pytest.mark.parametrize(("name", "mode", "depth"), KEEPING)
def test_metadata_is_kept(make_picture, make_exif, name, mode, depth):
    exif, file = make_exif(1), io.BytesIO()
    pixels = make_picture(mode, depth).pixels
    assert write_picture(file, Picture(pixels, icc=ICC, exif=exif, xmp=XMP), name) == []
    file.seek(0)
    back = read_picture(file)
    assert back.icc == ICC
    assert Image.open(file).getexif()[0x010E] == "Kodek test"
    if name not in ("TIFF", "AVIF"):  # these two tell orientation in their own way, and rewrite the rest
        assert back.exif == exif
        assert back.xmp == XMP  # nothing was turned, so nothing was touched
    assert back.xmp.replace(b'"1"', b'"6"') == XMP


def test_xmp_follows_the_pixels(make_picture, make_exif):
    file = io.BytesIO()
    write_picture(file, Picture(make_picture().pixels, exif=make_exif(6), xmp=XMP), "PNG")
    file.seek(0)
    assert read_picture(file).xmp == XMP.replace(b'"6"', b'"1"')


def test_exif_of_tiff_has_camera_and_place(tmp_path, make_picture):
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Maker", "2026:11:22 00:00:00"
    exif[0x8769] = {0x829A: (1, 250), 0x9286: b"ASCII\0\0\0hello"}
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    picture = Picture(make_picture("RGB", 16).pixels, exif=exif.tobytes().removeprefix(b"Exif\0\0"))
    for name in ("a.tif", "b.tif"):  # the second is written from what was read
        assert write_picture(tmp_path / name, picture) == []
        picture = read_picture(tmp_path / name)
        back = Image.Exif()
        back.load(picture.exif)
        assert back[0x010F] == "Maker"
        assert back.get_ifd(0x8769)[0x9286] == b"ASCII\0\0\0hello"
        assert back.get_ifd(0x8825)[1] == "N"
        assert [float(part) for part in back.get_ifd(0x8825)[2]] == [48.0, 51.0, 30.0]


def test_exif_that_tiff_cannot_take_is_named(make_picture):
    file = io.BytesIO()
    assert write_picture(file, Picture(make_picture().pixels, exif=b"nonsense"), "TIFF") == [
        "EXIF that can't be parsed"
    ]
    file.seek(0)
    assert read_picture(file).exif is None


@pytest.mark.parametrize(("name", "depth"), [("BMP", 8), ("PPM", 8), ("PPM", 16)])
def test_losses_of_writing_are_named(make_picture, make_exif, name, depth):
    picture = Picture(make_picture("RGB", depth).pixels, icc=ICC, exif=make_exif(1), xmp=XMP)
    assert write_picture(io.BytesIO(), picture, name) == ["the colour profile", "EXIF", "XMP"]
    assert write_picture(io.BytesIO(), picture.strip(), name) == ["the colour profile"]
    assert write_picture(io.BytesIO(), make_picture("RGB", depth), name) == []


def test_jpeg_names_what_is_too_long(make_picture, make_exif):
    long = Picture(make_picture().pixels, icc=bytes(200_000), exif=make_exif(1) + bytes(70_000), xmp=XMP * 1000)
    file = io.BytesIO()
    assert [text.split()[0] for text in write_picture(file, long, "JPEG")] == ["EXIF", "XMP"]
    file.seek(0)
    back = read_picture(file)
    assert (back.exif, back.xmp, back.icc) == (None, None, long.icc)
    just = Picture(make_picture().pixels, exif=make_exif(1) + bytes(65527 - len(make_exif(1))), xmp=bytes(65504))
    file = io.BytesIO()
    assert write_picture(file, just, "JPEG") == []
    file.seek(0)
    assert read_picture(file).exif == just.exif


def test_grey_profile_does_not_fit_webp(make_picture):
    with pytest.raises(ValueError, match="profile"):
        write_picture(io.BytesIO(), Picture(make_picture("L").pixels, icc=ICC), "WEBP")


def test_strip(make_picture, make_exif):
    pixels = make_picture().pixels
    bare = Picture(pixels, icc=ICC, exif=make_exif(1), xmp=XMP, notes=("IPTC data",)).strip()
    assert (bare.icc, bare.exif, bare.xmp) == (ICC, None, None)
    assert bare.pixels is pixels


def test_losses_of_reading_are_named(make_picture):
    image, file = Image.fromarray(make_picture().pixels), io.BytesIO()
    image.save(file, "JPEG")
    iptc = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x02hi"
    xmp = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)
    segments = b"".join(
        b"\xff" + marker + (len(data) + 2).to_bytes(2, "big") + data
        for marker, data in ((b"\xed", iptc), (b"\xe1", xmp))
    )
    data = file.getvalue()
    assert read_picture(io.BytesIO(data[:2] + segments + data[2:])).notes == ("IPTC data", "extended XMP")
    image.save(file := io.BytesIO(), "MPO", save_all=True, append_images=[image])
    assert read_picture(io.BytesIO(file.getvalue())).notes == ("the further pictures of a multi-picture JPEG",)


def test_gamma_is_named_unless_it_is_srgb(make_picture):
    file = io.BytesIO()
    write_picture(file, make_picture(), "PNG")
    for gamma, notes in ((100000, ("a gamma of 1",)), (45455, ())):
        chunk = io.BytesIO()
        putchunk(chunk, b"gAMA", struct.pack(">I", gamma))
        data = file.getvalue()
        assert read_picture(io.BytesIO(data[:33] + chunk.getvalue() + data[33:])).notes == notes


def test_damaged_profile_is_named(make_picture):
    file = io.BytesIO()
    Image.fromarray(make_picture().pixels).save(file, "JPEG", icc_profile=bytes(100_000))  # two segments
    second = file.getvalue().index(b"ICC_PROFILE\0\x02\x02")
    data = bytearray(file.getvalue())
    data[second : second + 3] = b"XXX"
    picture = read_picture(io.BytesIO(data))
    assert picture.icc is None
    assert picture.notes == ("a damaged colour profile",)
