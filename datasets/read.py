"""Reading pictures of every mode, 8 and 16 bits deep: PNG, JPEG, WebP, AVIF, TIFF, BMP, GIF, PGM, PPM."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from .deep import decode_deep, decode_grey_alpha_deep
from .errors import MediaError
from .exif import orientation, reset_orientation, reset_xmp_orientation, upright
from .limits import DEFAULT_MAX_PIXELS, check_size, pillow_limit_lifted
from .picture import Picture
from .read_tiff import read_tiff
from .samples import Alpha, from_pillow, keyed_alpha, split_alpha

_SUFFIXES = "avif bmp dib gif jfif jpe jpeg jpg pbm pgm png pnm ppm tif tiff webp"
READABLE_SUFFIXES = frozenset("." + name for name in _SUFFIXES.split())
_FORMATS = "PNG, JPEG, WebP, AVIF, TIFF, BMP, GIF, PGM and PPM"
START = 16  # bytes that tell the format
_MAX_BYTES_A_PIXEL = 8  # 16-bit RGBA: a pipe may send no more than the largest picture needs
_MAX_METADATA = 1 << 26


def read_picture(source: str | Path | BinaryIO, max_pixels: int | None = None) -> Picture:
    """Read the one picture in a file, upright.

    Grey, RGB and CMYK keep their mode; palettes become RGB, bits become grey; transparency of any kind
    becomes alpha. 16-bit samples stay 16 bits. Resolution, comments and text chunks are left behind;
    anything else that is lost is named in `Picture.notes`. CMYK in JPEG is taken to be inverted, as Adobe's
    programs write it and everybody reads it.

    Args:
        source: a path, or a binary stream (read from where it is, seekable or not, and not closed).
        max_pixels: larger pictures are refused before they are decoded; 200 megapixels unless given.

    Raises:
        MediaError: the file can't be opened, is damaged or cut off, or is not one picture of whole
            numbers in one of the formats: animations, pages, floating point and Lab are refused.
    """
    name = source_name(source)
    limit = DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels
    with _opened(source, name, limit) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on metadata...
        warnings.filterwarnings("error", "Corrupt EXIF data")  # ...but this is a directory that is cut off
        try:
            return _read(file, name, limit)
        except MediaError:
            raise
        except Exception as error:  # the parsers below raise nearly everything on hostile bytes
            reason = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
            raise MediaError(f"{name} can't be read, it is damaged or not supported ({reason}).") from error


def is_picture(start: bytes) -> bool:
    """Whether the first `START` bytes of a file are those of a format that can be read."""
    return _recognised(start) is not None


def source_name(source: str | Path | BinaryIO) -> str:
    """What to call `source` in a sentence."""
    if isinstance(source, str | Path):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "The input"


@contextlib.contextmanager
def _opened(source: str | Path | BinaryIO, name: str, limit: int) -> Iterator[BinaryIO]:
    """A seekable file that begins with the picture."""
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, str | Path):
                if Path(source).is_dir():
                    raise MediaError(f"{name} is a folder, not a picture.")
                source = stack.enter_context(open(source, "rb"))
            if not source.seekable() or source.tell():
                source = _gathered(source, name, limit * _MAX_BYTES_A_PIXEL + _MAX_METADATA)
        except OSError as error:
            raise MediaError(f"{name} can't be opened: {error.strerror or error}.") from error
        yield source


def _gathered(stream: BinaryIO, name: str, limit: int) -> BinaryIO:
    data, known = io.BytesIO(), None
    while part := stream.read(1 << 20):
        data.write(part)
        if known is None and data.tell() >= START:
            known = _plugin(data.getvalue()[:START], name)  # before the rest is waited for
        if data.tell() > limit:
            raise MediaError(f"{name} can't be read: it sends more than {limit} bytes.")
    data.seek(0)
    return data


def _read(file: BinaryIO, name: str, limit: int) -> Picture:
    plugin = _plugin(file.read(START), name)
    if plugin is TiffImageFile:
        return read_tiff(file, name, limit)

    def open_image() -> ImageFile:  # not Image.open: its limit is a constant of the whole process
        file.seek(0)
        return plugin(file)

    image = open_image()
    check_size(image.width, image.height, name, limit)
    if getattr(image, "is_animated", False):
        raise MediaError(f"{name} can't be read: it is an animation, not one picture.")
    with pillow_limit_lifted(image.width * image.height):
        if isinstance(image, PngImageFile):
            pixels, alpha, image = _decode_png(open_image, name)
        elif isinstance(image, PpmImageFile):
            pixels, alpha = _decode_ppm(open_image, name)
        else:
            pixels, alpha = from_pillow(image, name)
    return _upright(pixels, alpha, image, tuple(_left_behind(image, file)))


def _plugin(start: bytes, name: str) -> type[ImageFile]:
    found = _recognised(start)
    if found is None:
        raise MediaError(f"{name} is not a picture in a format that can be read: {_FORMATS}.")
    return found


def _recognised(start: bytes) -> type[ImageFile] | None:
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if start.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WebPImageFile
    if start[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1"):
        return AvifImageFile
    if start.startswith(b"BM"):
        return BmpImageFile
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return GifImageFile
    if start[:1] == b"P" and start[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6") and start[2:3].isspace():
        return PpmImageFile
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0"):
        return TiffImageFile
    return None


def _decode_png(open_image: Callable[[], ImageFile], name: str) -> tuple[np.ndarray, Alpha, ImageFile]:
    open_image().verify()  # every checksum up to the end: the decoder doesn't look at them
    image = open_image()
    layout = str(image.tile[0].args)
    if not layout.endswith(";16B"):
        bits = {"1": 1, "L;2": 2, "L;4": 4}.get(layout, 8)
        return *from_pillow(image, name, bits), image
    if layout == "I;16B":
        samples = np.asarray(image).astype(np.uint16)
    elif layout == "LA;16B":
        samples, image = decode_grey_alpha_deep(open_image)
    else:
        samples, image = decode_deep(open_image)
    pixels, alpha = split_alpha(samples, layout in ("LA;16B", "RGBA;16B"))
    key = image.info.get("transparency")
    if alpha is None and key is not None:
        alpha = keyed_alpha(pixels, key, 16)
    return pixels, alpha, image


def _decode_ppm(open_image: Callable[[], ImageFile], name: str) -> tuple[np.ndarray, Alpha]:
    image = open_image()
    tile = image.tile[0]
    if tile.codec_name == "ppm" and tile.args == ("RGB", 65535):

        def open_deep() -> ImageFile:
            deep = open_image()
            deep.tile = [tile._replace(codec_name="raw", args=("RGB;16B", 0, 1))]
            return deep

        return decode_deep(open_deep)[0], None
    if tile.codec_name != "raw":
        raise MediaError(f"{name} can't be read: of PGM and PPM only the binary ones up to 255 or 65535 are.")
    if image.mode == "I":
        return np.asarray(image).astype(np.uint16)[:, :, None], None
    return from_pillow(image, name)


def _upright(pixels: np.ndarray, alpha: Alpha, image: ImageFile, notes: tuple[str, ...]) -> Picture:
    """The picture with the metadata that `image` gathered while it was loaded, turned as its EXIF says."""
    exif, xmp, icc = _exif(image), image.info.get("xmp"), image.info.get("icc_profile")
    turned = orientation(exif)
    if exif and turned != 1:
        exif = reset_orientation(exif)
        xmp = reset_xmp_orientation(xmp) if xmp else None
        pixels = upright(pixels, turned)
        alpha = None if alpha is None else upright(alpha, turned)
    return Picture(pixels, alpha, icc or None, exif or None, xmp or None, notes)


def _exif(image: ImageFile) -> bytes | None:
    exif = image.info.get("exif")
    if exif is None and "Raw profile type exif" in image.info:  # how PNG held EXIF before it had a chunk
        exif = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    return None if exif is None else exif.removeprefix(b"Exif\0\0")


def _left_behind(image: ImageFile, file: BinaryIO) -> Iterator[str]:
    info = image.info
    if "icc_profile" in info and not info["icc_profile"]:
        yield "a damaged colour profile"
    if isinstance(image, JpegImageFile):
        if "mp" in info:
            yield "the further pictures of a multi-picture JPEG"
        if 0x0404 in info.get("photoshop", {}):
            yield "IPTC data"
        if any(data.startswith(b"http://ns.adobe.com/xmp/extension/\0") for _, data in image.applist):
            yield "extended XMP"
    if isinstance(image, PngImageFile) and not {"icc_profile", "srgb"} & info.keys():
        gamma = info.get("gamma", 1 / 2.2)
        if abs(gamma - 1 / 2.2) > 0.01:
            yield f"a gamma of {gamma:.5g}"
    if isinstance(image, AvifImageFile):
        file.seek(0)
        start = file.read(1 << 16)
        at = start.find(b"av1C")
        flags = start[at + 6] if 0 <= at < len(start) - 6 else 0  # AV1 in ISOBMFF, 2.3.3
        if flags & 0x40:
            yield f"the last bits of {12 if flags & 0x20 else 10}-bit samples"
