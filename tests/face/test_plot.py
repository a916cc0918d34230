"""`kodek plot`: files, formats, and sentences for what can't be drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Kodek

pytest.importorskip("bjontegaard")
pytest.importorskip("matplotlib")
pytest.importorskip("plotly")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of `kodek eval`: two codecs at four settings on three pictures."""
    folder = tmp_path / "results"
    folder.mkdir()
    rows = [
        {
            "codec": codec,
            "setting": setting,
            "file": f"{number}.png",
            "media": "image",
            "width": 100,
            "height": 80,
            "bytes": int(cost * 200 * 2**step * (1 + number)),
            "measures": {"psnr": 27.0 + 4 * step, "ms_ssim": 0.8 + 0.05 * step},
            "versions": {},
        }
        for codec, cost in (("jpeg", 1.0), ("webp", 0.75))
        for step, setting in enumerate((10, 40, 70, 95))
        for number in range(3)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_pictures_go_into_a_folder(kodek: Kodek, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "plots"
    done = kodek("plot", results, "--out", out, "--anchor", "jpeg")
    assert done.code == 0, done.err
    names = ["psnr.png", "psnr-bd.png", "ms_ssim.png", "ms_ssim-bd.png"]
    assert done.out.decode().split() == [str(out / name) for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted(names), "nothing else is left behind"
    assert (out / "psnr.png").read_bytes().startswith(b"\x89PNG")


def test_default_folder(kodek: Kodek, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert kodek("plot", results / "rows.jsonl", "--format", "svg").out == b"plots/psnr.svg\nplots/ms_ssim.svg\n"


def test_one_figure_is_a_file(kodek: Kodek, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "rd.svg"
    done = kodek("plot", results, "--measure", "psnr", "--codecs", "webp", "--log", "--out", out)
    assert (done.code, done.out.decode()) == (0, f"{out}\n")
    assert b">webp</text>" not in out.read_bytes() and b"PSNR-RGB against rate" in out.read_bytes()
    done = kodek("plot", results, "--out", out)
    assert done.code == 2
    assert done.err == f"kodek: {out} can't hold 2 figures (psnr, ms_ssim): let --out name a folder.\n"


def test_a_page_holds_all(kodek: Kodek, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.html"
    assert kodek("plot", results, "--out", out, "--anchor", "jpeg", "--interval", "30-34").code == 0
    text = out.read_text("utf-8")
    assert "<title>results</title>" in text and text.count("<figure>") == 4 and "Over 30 to 34 dB" in text
    assert kodek("plot", results, "--format", "html", "--out", tmp_path).out == f"{tmp_path / 'plots.html'}\n".encode()


def test_training_runs(kodek: Kodek, results: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    run = tmp_path / "run"
    with SummaryWriter(str(run / "tensorboard")) as writer:
        for step in range(3):
            writer.add_scalar("loss", 1 / (1 + step), step)
    done = kodek("plot", run, results, "--measure", "psnr", "--out", tmp_path / "plots")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["psnr.png", "training-loss.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--measure", "vmaf"], 3, "There is no measure 'vmaf' in the results: they hold psnr, ms_ssim."),
        (["--codecs", "avif"], 3, "There is no codec 'avif' in the results: they hold jpeg, webp."),
        (["--anchor", "avif"], 3, "There is no codec 'avif' in the results: they hold jpeg, webp."),
        (["--measure", ""], 3, "there is nothing to draw."),
        (["--format", "pdf"], 2, "--format is one of png, svg, html, not pdf."),
        (["--format", "png", "--out", "a.svg"], 2, "a.svg can't be a file of png."),
        (["--interval", "36-28"], 2, "is not an interval such as 28-36."),
        (["missing"], 3, "missing is not there."),
    ],
)
def test_one_sentence(
    kodek: Kodek,
    results: Path,
    arguments: list[str],
    code: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = kodek("plot", results, *arguments)
    assert done.code == code
    assert done.err.startswith("kodek: ") and done.err.count("\n") == 1
    assert sentence in done.err
    assert not list(Path().iterdir()), "nothing half-done is left"


def test_results_that_are_none(kodek: Kodek, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("not a row\n")
    for path in (tmp_path, tmp_path / "rows.jsonl"):
        done = kodek("plot", path, "--out", tmp_path / "plots")
        assert done.code == 3 and "line 1" in done.err
    (tmp_path / "empty").mkdir()
    done = kodek("plot", tmp_path / "empty", "--out", tmp_path / "plots")
    assert done.code == 3 and "rows.jsonl can't be read: No such file" in done.err


def test_a_file_that_can_not_be_written(kodek: Kodek, results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = kodek("plot", results, "--out", tmp_path / "file")
    assert done.code == 6 and "can't be a folder" in done.err
    done = kodek("plot", results, "--measure", "psnr", "--out", tmp_path / "no" / "rd.png")
    assert done.code == 6 and "there is no folder" in done.err
