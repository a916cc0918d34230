"""Files to arrays and back: pictures, folders of them, and files that are written whole.

Reads and writes media without torch; what needs torchvision imports it when it is called.
"""

from .audio import Audio
from .corpus import find_images
from .errors import MediaError, MediaWriteError
from .files import atomic_write, check_destination
from .limits import DEFAULT_MAX_PIXELS
from .picture import Picture
from .read import READABLE_SUFFIXES, read_picture
from .video import Video
from .write import WRITABLE_SUFFIXES, write_picture

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "READABLE_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Audio",
    "MediaError",
    "MediaWriteError",
    "Picture",
    "Video",
    "atomic_write",
    "check_destination",
    "find_images",
    "read_picture",
    "write_picture",
]
