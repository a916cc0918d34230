"""The errors of reading and writing media: each says in one sentence what is wrong, naming the file."""


class MediaError(ValueError):
    """A file that can't be read: missing, no permission, damaged, too large, or not supported.

    Where the operating system was the one to refuse, its `OSError` is the ``__cause__``.
    """


class MediaWriteError(MediaError):
    """A file that can't be written: its format can't hold the picture, or its place doesn't take the file."""
