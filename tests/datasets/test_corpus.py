"""Finding pictures, and importing what needs help."""

import importlib.util
import subprocess
import sys

import pytest
from kodek.datasets import MediaError, Picture, find_audio, find_images, read_picture, write_picture
from kodek.datasets.compat import install

needs_torchaudio = pytest.mark.skipif(importlib.util.find_spec("torchaudio") is None, reason="no torchaudio")
needs_torchvision = pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="no torchvision")


@pytest.fixture
def folder(tmp_path, make_picture):
    for name in (
        "photo10.png",
        "photo2.png",
        "b/9.tif",
        "b/a.PNG",
        "a.txt",
        ".hidden.png",
        ".cache/x.png",
        "B/1.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            write_picture(path, make_picture())
    return tmp_path


def test_folder_in_natural_order(folder):
    names = [path.relative_to(folder).as_posix() for path in find_images(str(folder))]
    assert names == ["B/1.jpg", "b/9.tif", "b/a.PNG", "photo2.png", "photo10.png"]
    assert all(read_picture(path).width == 37 for path in find_images(str(folder)))


def test_list_keeps_its_order(folder):
    (folder / "list.txt").write_text(f"# chosen\n\nphoto10.png\n{folder / 'b' / '9.tif'}\n  photo2.png  \n")
    names = [path.name for path in find_images(str(folder / "list.txt"))]
    assert names == ["photo10.png", "9.tif", "photo2.png"]


def test_one_picture(folder):
    assert find_images(str(folder / "photo2.png")) == [folder / "photo2.png"]


def test_nothing_to_find(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    (empty / "list.txt").write_text("# nothing\n")
    (folder / "list.txt").write_text("photo2.png\nphoto3.png\n")
    (empty / "bytes.bin").write_bytes(b"\xff\xfe\xfd")
    for spec, why in (
        (empty, "holds no picture"),
        (empty / "none", "neither a folder nor a file"),
        (empty / "list.txt", "lists no picture"),
        (empty / "bytes.bin", "neither a picture nor a list"),
        (folder / "list.txt", "line 2: there is no file"),
    ):
        with pytest.raises(MediaError, match=why) as error:
            find_images(str(spec))
        assert str(spec) in str(error.value)


@needs_torchaudio
def test_torchaudio_corpus(tmp_path, monkeypatch):
    class Yes:  # as YESNO, without its download
        def __init__(self, root, url="", download=False):
            assert download and root.is_dir()
            (root / "waves").mkdir()
            for number in (2, 10):
                (root / "waves" / f"{number}.wav").write_bytes(b"RIFF")

        def __getitem__(self, index): ...

    install()
    monkeypatch.setattr("torchaudio.datasets.YESNO", Yes)
    found = find_audio(f"torchaudio:YESNO:{tmp_path / 'yes'}")
    assert [path.name for path in found] == ["2.wav", "10.wav"]
    with pytest.raises(MediaError, match="torchaudio has no data set of the name NO"):
        find_audio("torchaudio:NO")


@needs_torchvision
def test_torchvision_corpus(tmp_path):
    pictures = find_images("torchvision:FakeData")
    assert len(pictures) == 1000
    assert isinstance(pictures[0], Picture)
    assert (pictures[3].mode, pictures[3].width, pictures[3].height) == ("RGB", 224, 224)
    assert len(pictures[10:13]) == 3
    with pytest.raises(MediaError, match="no data set of the name Nothing"):
        find_images("torchvision:Nothing")
    with pytest.raises(MediaError, match="torchvision:ImageFolder can't be had"):
        find_images(f"torchvision:ImageFolder:{tmp_path}")


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_media_need_no_torch():
    run("import sys, kodek.datasets; sys.exit(bool({'torch', 'torchvision', 'scipy'} & sys.modules.keys()))")


@needs_torchvision
def test_install_lets_torchvision_import():
    run(
        "from kodek.datasets.compat import install\n"
        "install(); install()\n"
        "import torch, torchvision\n"
        "from torchvision.transforms import v2\n"
        "assert v2.RandomCrop(8)(torch.zeros(3, 16, 16)).shape == (3, 8, 8)\n"
        "model = torchvision.models.squeezenet1_1(weights=None)\n"
        "assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)\n"
    )


@needs_torchaudio
def test_install_lets_torchaudio_import():
    run(
        "from kodek.datasets.compat import install\n"
        "install()\n"
        "import torch, torchaudio\n"
        "assert torchaudio.functional.resample(torch.zeros(1, 300), 3, 2).shape == (1, 200)\n"
    )


@needs_torchvision
def test_install_after_a_failed_import():
    run(
        "try:\n"
        "    import torchvision\n"
        "except RuntimeError:\n"
        "    pass\n"
        "from kodek.datasets.compat import install\n"
        "install()\n"
        "import torchvision.datasets\n"
    )


def test_install_leaves_accelerated_torch_alone():
    run(
        "import sys, torch\n"
        "torch.version.cuda = '13.0'\n"
        "from kodek.datasets.compat import install\n"
        "install()\n"
        "sys.exit('torchvision' in sys.modules)\n"
    )
