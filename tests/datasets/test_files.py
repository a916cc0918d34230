"""A file is there whole or not at all."""

import errno
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from kodek.datasets import MediaWriteError, Picture, atomic_write, check_destination, write_picture

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


def test_whole(tmp_path):
    with atomic_write(tmp_path / "a") as file:
        file.write(b"one")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"one"
    with atomic_write(tmp_path / "a") as file:
        file.write(b"two")
        assert (tmp_path / "a").read_bytes() == b"one"
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, RuntimeError, MemoryError])
def test_nothing_is_left_of_a_failure(tmp_path, before, raised):
    if before:
        (tmp_path / "a").write_bytes(before)
    with pytest.raises(raised), atomic_write(tmp_path / "a") as file:
        file.write(b"half of it")
        raise raised
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([before] if before else [])


def test_full_disk(tmp_path):
    with pytest.raises(MediaWriteError, match="No space left") as error, atomic_write(tmp_path / "a") as file:
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(tmp_path / "a") in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_device():
    with pytest.raises(MediaWriteError, match="No space left"), atomic_write("/dev/full") as file:
        file.write(b"x")


@posix
def test_limit_on_file_size(tmp_path):
    program = (
        "import resource, signal, sys, numpy as np\n"
        "from kodek.datasets import MediaWriteError, Picture, write_picture\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "picture = Picture(np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8))\n"
        "for suffix in ('png', 'jpg', 'webp', 'avif', 'tif', 'bmp', 'ppm'):\n"
        "    try:\n"
        "        write_picture(f'{sys.argv[1]}/a.{suffix}', picture)\n"
        "        sys.exit(f'{suffix} was written')\n"
        "    except MediaWriteError as error:\n"
        "        assert 'File too large' in str(error), error\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_failing_encoder_leaves_the_old_file(tmp_path, monkeypatch):
    from PIL import Image

    def save(image, file, *args, **options):
        file.write(b"half of it")
        raise KeyboardInterrupt

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", Picture(np.zeros((2, 2, 3), np.uint8)))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_no_overwrite(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    for call in (
        lambda: check_destination(tmp_path / "a", False),
        lambda: atomic_write(tmp_path / "a", False).__enter__(),
    ):
        with pytest.raises(MediaWriteError, match="exists already"):
            call()
    with pytest.raises(MediaWriteError, match="exists already"), atomic_write(tmp_path / "b", False) as file:
        file.write(b"mine")
        (tmp_path / "b").write_bytes(b"somebody was faster")
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"old", b"somebody was faster"]


def test_no_place(tmp_path):
    for path, why in ((tmp_path, "folder"), (tmp_path / "none" / "a", "no folder")):
        with pytest.raises(MediaWriteError, match=why):
            check_destination(path)
        with pytest.raises(MediaWriteError, match=why), atomic_write(path):
            pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MediaWriteError, match="permission"):
        check_destination(tmp_path / "a")


@posix
def test_permissions(tmp_path):
    old_mask = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new"):
            pass
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    with atomic_write(tmp_path / "new"):
        pass
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@posix
def test_devices_are_written_to():
    with atomic_write("/dev/null", overwrite=False) as file:
        file.write(b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_in_the_current_folder_with_a_long_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "a" * 250
    with atomic_write(name) as file:
        file.write(b"x")
    assert (tmp_path / name).read_bytes() == b"x"
