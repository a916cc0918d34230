"""How large a picture may be: checked against the header, before any pixel is decoded."""

import contextlib
import threading
from collections.abc import Iterator

from PIL import Image

from .errors import MediaError

DEFAULT_MAX_PIXELS = 200_000_000

_pillow = threading.Lock()


def check_size(width: int, height: int, name: str, limit: int) -> None:
    """Raise `MediaError` for more than `limit` pixels."""
    if width * height > limit:
        raise MediaError(f"{name} can't be read: {width} x {height} pixels are more than the limit of {limit}.")


@contextlib.contextmanager
def pillow_limit_lifted(pixels: int) -> Iterator[None]:
    """Let Pillow decode `pixels`, checked before: its own limit belongs to the whole process."""
    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _pillow:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
