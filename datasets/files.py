"""Writing a file so that nobody ever sees half of it."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import MediaWriteError


def check_destination(path: str | Path, overwrite: bool = True) -> None:
    """See early whether `path` can be written, before work is spent on what goes there.

    Raises:
        MediaWriteError: `path` is a folder, its folder is missing or can't be written to, or there is a
            file and `overwrite` is false.
    """
    path = Path(path)
    folder = Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise MediaWriteError(f"{path} is a folder.")
    if not folder.is_dir():
        raise MediaWriteError(f"{path} can't be written: there is no folder {folder}.")
    if _is_device(path):
        return
    if path.exists() and not overwrite:
        raise MediaWriteError(f"{path} exists already.")
    if not os.access(folder, os.W_OK):
        raise MediaWriteError(f"{path} can't be written: no permission to write to {folder}.")


@contextlib.contextmanager
def atomic_write(path: str | Path, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing and rename it to `path` when the block ends without an exception.

    On any exception, a keyboard interrupt included, the file beside is removed and `path` is as it was. A
    link is followed, a replaced file's permissions are kept, a device or pipe is written to directly. No
    fsync: after a power cut the file may be missing, after a crash of the program it is whole or absent.

    Raises:
        MediaWriteError: as `check_destination`, or the system refused (disk full, quota...): an `OSError`
            raised inside the block counts as one of writing.
    """
    path = Path(path)
    check_destination(path, overwrite)
    try:
        if _is_device(path):
            with open(path, "wb") as device:
                yield device
            return
        with _replacing(Path(os.path.realpath(path)), overwrite) as file:
            yield file
    except FileExistsError as error:
        raise MediaWriteError(f"{path} exists already.") from error
    except OSError as error:
        raise MediaWriteError(f"{path} can't be written: {error.strerror or error}.") from error


@contextlib.contextmanager
def _replacing(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: its files are private to the user, these get the permissions of any new file.
        with open(beside, "xb") as file:
            if target.exists():
                os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
            yield file
        if not overwrite and target.exists():
            raise FileExistsError(target)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
