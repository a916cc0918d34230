"""Files to arrays and back: pictures, folders of them, and files that are written whole.

Reads and writes media without torch; what needs torchvision imports it when it is called.
"""

from .audio import Audio, iter_audio, read_audio, resample
from .corpus import find_audio, find_files, find_images, find_video
from .errors import MediaError, MediaWriteError
from .files import atomic_write, check_destination
from .limits import DEFAULT_MAX_PIXELS
from .picture import Picture
from .read import READABLE_SUFFIXES, START, is_picture, read_picture
from .resample import Resampler
from .sound_stream import AUDIO_SUFFIXES, AudioInfo, audio_info, is_sound
from .video import Video, iter_frames, read_video, write_y4m
from .write import WRITABLE_SUFFIXES, write_picture
from .write_audio import FLAC_BITS, wav_holds, write_flac, write_wav

__all__ = [
    "AUDIO_SUFFIXES",
    "DEFAULT_MAX_PIXELS",
    "READABLE_SUFFIXES",
    "START",
    "WRITABLE_SUFFIXES",
    "FLAC_BITS",
    "Audio",
    "AudioInfo",
    "MediaError",
    "MediaWriteError",
    "Picture",
    "Resampler",
    "Video",
    "atomic_write",
    "audio_info",
    "check_destination",
    "find_audio",
    "find_files",
    "find_images",
    "find_video",
    "is_picture",
    "is_sound",
    "iter_audio",
    "iter_frames",
    "read_audio",
    "read_picture",
    "read_video",
    "resample",
    "wav_holds",
    "write_flac",
    "write_picture",
    "write_wav",
    "write_y4m",
]
