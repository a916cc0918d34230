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
from .wav_pipe import Pcm, read_pcm, read_wav_start
from .write import WRITABLE_SUFFIXES, write_picture
from .write_audio import FLAC_BITS, pcm_bytes, wav_holds, wav_start, write_flac, write_wav

__all__ = [
    "AUDIO_SUFFIXES",
    "DEFAULT_MAX_PIXELS",
    "FLAC_BITS",
    "READABLE_SUFFIXES",
    "START",
    "WRITABLE_SUFFIXES",
    "Audio",
    "AudioInfo",
    "MediaError",
    "MediaWriteError",
    "Pcm",
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
    "pcm_bytes",
    "read_audio",
    "read_pcm",
    "read_picture",
    "read_video",
    "read_wav_start",
    "resample",
    "wav_holds",
    "wav_start",
    "write_flac",
    "write_picture",
    "write_wav",
    "write_y4m",
]
