"""Figures of results and of training runs: what they show, and that matplotlib and plotly draw all of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("bjontegaard")
pytest.importorskip("matplotlib")
pytest.importorskip("plotly")

from kodek.eval import results as results_module
from kodek.eval.comparison import compare
from kodek.eval.errors import EvalError
from kodek.eval.measures import Measure
from kodek.eval.plot import Figure, Level, Series, Style, figures, is_run, styles, training_figures
from kodek.eval.plot.curves import looks_of
from kodek.eval.plot.drawing import picture
from kodek.eval.plot.page import page
from kodek.eval.plot.palette import COLOURS
from kodek.eval.results import Results

MEASURES = (
    Measure("psnr", "PSNR-RGB", "dB", True, (0, math.inf)),
    Measure("lpips", "LPIPS", "", False, (0, math.inf)),
    Measure("top1", "ImageNet top-1", "%", True, (0, 1)),
)
FILES = [f"{number}.png" for number in range(6)]
COSTS = {"jpeg": 1.0, "mine": 0.5, "webp": 0.8}
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def known_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "measures", lambda media=None: {m.name: m for m in MEASURES})


def rows(files: list[str] = FILES) -> list[Row]:
    """Rates double every 4 dB, from 26 to 38 dB; "mine" is kodek's own and costs half of "jpeg"."""
    found: list[Row] = []
    for number, file in enumerate(files):
        base = {"file": file, "media": "image", "width": 1000, "height": 800}
        original = {"codec": "original", "setting": 0.0, "bytes": 10**6, "versions": {}}
        found.append({**base, **original, "measures": {"top1": [float(number > 0), 1.0]}})
        for codec, cost in COSTS.items():
            for setting in (10, 30, 50, 90):
                quality = 26 + 0.15 * (setting - 10) + number / 100
                measures = {"psnr": quality, "lpips": 1 / setting, "top1": [float(setting > 15 * number), 1.0]}
                size = int(20000 * cost * 2 ** ((quality - 26) / 4) * (1 + number / 10))
                versions = {"generation": "ab"} if codec == "mine" else {"lib": "1"}
                row = {"codec": codec, "setting": float(setting), "bytes": size, "measures": measures}
                found.append({**base, **row, "versions": versions})
    return found


def timings() -> list[Row]:
    settings = [(row["codec"], row["setting"]) for row in rows(FILES[:2]) if row["codec"] != "original"]
    return [
        {"codec": codec, "setting": setting, "file": file, "versions": {}, "encode_seconds": 0.4, "decode_seconds": 0.1}
        for codec, setting in dict.fromkeys(settings)
        for file in FILES[:2]
    ]


@pytest.fixture
def results() -> Results:
    return Results(rows(), timings())


def by_key(found: list[Figure]) -> dict[str, Figure]:
    return {figure.key: figure for figure in found}


def test_a_figure_a_measure_and_the_speeds(results: Results) -> None:
    assert [figure.key for figure in figures(results)] == ["psnr", "lpips", "top1", "encoding", "decoding"]
    assert [figure.key for figure in figures(results, ["top1"], anchor="jpeg")] == ["top1", "top1-bd"]
    untimed = figures(Results(rows()))
    assert [figure.key for figure in untimed] == ["psnr", "lpips", "top1"]


def test_curves(results: Results) -> None:
    figure = by_key(figures(results))["psnr"]
    assert (figure.x_title, figure.y_title) == ("Rate (bits per pixel)", "PSNR-RGB (dB), better ↑")
    assert [series.name for series in figure.series] == ["jpeg", "mine", "webp"]
    expected = results.curve("mine", "psnr")
    mine = figure.series[1]
    assert list(mine.x) == [point.rate for point in expected]
    assert list(mine.y) == pytest.approx([26.025, 29.025, 32.025, 38.025])
    assert mine.low == [] and not figure.log_x and not figure.levels
    assert mine.labels[1] == f"mine at 30<br>{expected[1].rate:.4g} bpp<br>29.03 dB"
    assert figure.note == "Means over the same 6 files."
    assert "better ↓" in by_key(figures(results))["lpips"].y_title
    assert by_key(figures(results, log=True))["psnr"].log_x


def test_task_curves_have_intervals_and_the_level(results: Results) -> None:
    figure = by_key(figures(results))["top1"]
    assert figure.log_x
    assert figure.levels == [Level("original", pytest.approx(500 / 6))]
    series = figure.series[0]
    assert list(series.y) == pytest.approx([100 / 6, 200 / 6, 400 / 6, 100])
    assert all(low <= y <= high for low, y, high in zip(series.low, series.y, series.high, strict=True))
    assert series.low[1] < series.y[1] < series.high[1]
    assert series.low[3] == series.high[3] == 100
    assert "95 % bootstrap" in figure.note


def test_one_file_has_curves_without_intervals() -> None:
    found = by_key(figures(Results(rows(FILES[:1])), anchor="jpeg"))
    assert found["top1"].series[0].low == []
    assert found["psnr-bd"].series[0].low == [] and "error bars" not in found["psnr-bd"].note
    assert "at least two files" in found["top1"].note or "no values in common" in found["top1"].note
    assert "top1-bd" not in found


def test_bd_rates(results: Results) -> None:
    figure = by_key(figures(results, anchor="jpeg"))["psnr-bd"]
    assert figure.bars
    assert [(series.name, list(series.x)) for series in figure.series] == [("mine", ["mine"]), ("webp", ["webp"])]
    assert [series.y[0] for series in figure.series] == pytest.approx([-50, -20], abs=0.02)
    mine = figure.series[0]
    assert mine.low[0] <= mine.y[0] <= mine.high[0]
    assert "Over 28 to 36 dB; 6 files" in figure.note
    assert "(1000 resamples)." in figure.note
    narrow = by_key(figures(results, anchor="jpeg", interval=(30, 31)))["psnr-bd"]
    assert "Over 30 to 31 dB" in narrow.note


def test_a_codec_that_can_not_be_compared_is_named(results: Results) -> None:
    short = [row for row in rows() if row["codec"] != "webp" or row["setting"] < 50]
    figure = by_key(figures(Results(short), anchor="jpeg"))["psnr-bd"]
    assert [series.name for series in figure.series] == ["mine"]
    assert "webp is not compared with jpeg: A curve of 26.03 to 29.03 does not cover" in figure.note
    edge = by_key(figures(results, anchor="jpeg", interval=(26.03, 36)))["psnr-bd"]
    assert "without those in which a curve falls short (" in edge.note and "% for mine" in edge.note
    none = by_key(figures(results, anchor="jpeg", interval=(10, 20)))
    assert "psnr-bd" not in none
    assert "mine is not compared with jpeg" in none["psnr"].note


def test_compare(results: Results) -> None:
    found = compare(results, "mine", "jpeg", "psnr", (28, 36))
    assert found.interval == (28, 36)
    assert found.percent == pytest.approx(-50, abs=0.02) and found.akima == pytest.approx(-50, abs=0.02)
    assert found.estimate is not None and found.estimate.value == found.percent
    assert found.files is not None and found.files.rates.keys() == set(FILES)
    assert found.files_estimate is not None and found.files_estimate.value == pytest.approx(-50, abs=0.02)
    lower = compare(results, "mine", "jpeg", "lpips", (28, 36))
    assert lower.percent == pytest.approx(-50, abs=0.02)
    assert lower.interval == pytest.approx((1 / 90, 1 / 10))
    task = compare(results, "mine", "jpeg", "top1", (28, 36))
    assert task.percent == pytest.approx(-50, abs=0.02) and task.files is None
    with pytest.raises(EvalError, match="hold no ssim"):
        compare(results, "mine", "jpeg", "ssim", (28, 36))


def test_speeds(results: Results) -> None:
    found = by_key(figures(results))
    assert list(found["encoding"].series[0].y) == pytest.approx([2.0] * 4), "0.8 megapixels in 0.4 s"
    assert list(found["decoding"].series[0].y) == pytest.approx([8.0] * 4)
    assert found["decoding"].y_title == "Decoding speed (megapixels/s), better ↑"
    assert found["decoding"].log_y and "2 files" in found["decoding"].note


def test_audio_has_its_units() -> None:
    size = {"media": "audio", "channels": 1, "sample_rate": 8000, "length": 16000}
    audio = [{k: v for k, v in row.items() if k not in ("width", "height")} | size for row in rows()]
    found = by_key(figures(Results(audio, timings())))
    assert found["psnr"].x_title == "Rate (kbit/s)"
    assert list(found["encoding"].series[0].y) == pytest.approx([5.0] * 4), "2 s in 0.4 s"
    assert "times real time" in found["encoding"].y_title


def test_unknown_names(results: Results) -> None:
    for arguments in ({"measures": ["vmaf"]}, {"codecs": ["avif"]}, {"anchor": "avif"}):
        with pytest.raises(EvalError, match=r"There is no (measure|codec) '(vmaf|avif)' in the results"):
            figures(results, **arguments)


def test_looks_are_the_same_in_every_figure(results: Results) -> None:
    looks = looks_of(results)
    assert looks["mine"].colour == COLOURS[0] and looks["mine"].width > looks["jpeg"].width
    for figure in figures(results, codecs=["webp", "mine"], anchor="jpeg"):
        assert all(series.style == looks[series.name] for series in figure.series)
    many = styles([str(number) for number in range(42)])
    assert len({(style.colour, style.marker, style.dash) for style in many.values()}) == 42


def test_plotly_specs_are_valid_and_complete(results: Results) -> None:
    from plotly.graph_objects import Figure as Plotly

    for figure in figures(results, anchor="jpeg", log=True):
        spec = json.loads(json.dumps(figure.plotly(), allow_nan=False))
        drawn = Plotly(spec)  # checks every key
        assert [trace.name for trace in drawn.data] == [series.name for series in figure.series]
        for trace, series in zip(drawn.data, figure.series, strict=True):
            assert list(trace.x if figure.bars else trace.y) == list(series.y)
            assert list(trace.hovertext) == list(series.labels)
            bars = trace.error_x if figure.bars else trace.error_y
            if series.low:
                assert bars.array[0] == series.high[0] - series.y[0]
                assert bars.arrayminus[0] == series.y[0] - series.low[0]
        value, category = (
            (drawn.layout.xaxis, drawn.layout.yaxis) if figure.bars else (drawn.layout.yaxis, drawn.layout.xaxis)
        )
        assert value.title.text == figure.y_title and category.title.text == figure.x_title
        assert len(drawn.layout.shapes) == len(figure.levels)


def test_an_interval_may_leave_its_value_out() -> None:
    """The percentile bootstrap of a skewed number: matplotlib refuses bars of negative length."""
    series = Series("a", ["a"], [5.0], Style("red"), low=[6.0], high=[7.0])
    assert series.errors() == ([0.0], [2.0])
    figure = Figure("a", "A", "x", "y", [series], bars=True)
    assert picture(figure, "png") and figure.plotly()["data"][0]["error_x"]["arrayminus"] == [0.0]


def test_level_on_a_logarithmic_axis() -> None:
    figure = Figure("a", "A", "x", "y", [], [Level("original", 100.0)], log_y=True)
    layout = figure.plotly()["layout"]
    assert layout["shapes"][0]["y0"] == 100 and layout["annotations"][0]["y"] == 2


def test_matplotlib_draws_everything(results: Results) -> None:
    for figure in figures(results, anchor="jpeg", log=True):
        axes = figure.matplotlib().axes[0]
        if figure.bars:
            assert [bar.get_width() for bar in axes.patches] == [series.y[0] for series in figure.series]
            assert axes.get_xlabel() == figure.y_title
            continue
        assert [lines.get_label() for lines in axes.containers] == [series.name for series in figure.series]
        for drawn, series in zip(axes.containers, figure.series, strict=True):
            assert list(drawn.lines[0].get_ydata()) == list(series.y)
            assert drawn.has_yerr == bool(series.low)
        assert (axes.get_xscale(), axes.get_ylabel()) == ("log", figure.y_title)
        legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
        assert legend == [series.name for series in figure.series] + [level.name for level in figure.levels]


def test_pictures(results: Results) -> None:
    figure = by_key(figures(results))["top1"]
    png, svg = picture(figure, "png"), picture(figure, "svg")
    assert png.startswith(b"\x89PNG")
    text = "".join(ElementTree.fromstring(svg).itertext())
    for part in (figure.title, figure.y_title, figure.x_title, "webp", "original"):
        assert part in text
    assert svg == picture(figure, "svg"), "the same bytes for the same figure"


def test_names_are_no_formulas() -> None:
    style = Style("red", "circle")
    for bars in (False, True):
        x = ["a$_{$"] if bars else [1.0]
        figure = Figure("a", "a$_{$", "a$_{$", "a$_{$", [Series("a$_{$", x, [2.0], style)] * 2, bars=bars, note="a$_{$")
        assert picture(figure, "svg").count(b"a$_{$") >= 4


def test_page() -> None:
    """No name in the results can end the script or become markup."""
    name = "</script><b>&"
    figure = Figure("a", name, "x", "y", [Series(name, [1.0], [2.0], Style("red", "circle"))], note=name)
    text = page([figure, figure], name)
    head, script = text.split("const figures = ")
    assert name not in text and head.count("&lt;/script&gt;&lt;b&gt;&amp;") == 4
    specs = json.loads(script[: script.index(";\n")])
    assert [spec["data"][0]["name"] for spec in specs] == [name, name]
    assert text.count("</script>") == 2
    markup = head[: head.index("<script>")]
    assert "<link" not in markup and "src=" not in markup, "nothing is loaded from elsewhere"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training run that stopped after step 30, went on from step 20 and logged a value that is no number."""
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "run"
    for start in (0, 20):
        with SummaryWriter(str(folder / "tensorboard"), filename_suffix=f".{start}") as writer:
            for step in range(start + 10, start + 31, 10):
                writer.add_scalar("PSNR", 20 + step / 10 + start / 100, step)
                writer.add_scalar("validation", math.nan if step == 10 else -step, step)
                writer.add_scalar("learning rate", 1e-4, step)
    return folder


def test_training_curves(run: Path) -> None:
    found = by_key(training_figures([run, run / "tensorboard"]))
    assert list(found) == ["training-PSNR", "training-validation", "training-learning-rate"]
    psnr = found["training-PSNR"]
    assert (psnr.x_title, psnr.y_title) == ("Step", "PSNR (dB), better ↑")
    assert [series.name for series in psnr.series] == ["run", "tensorboard"]
    assert list(psnr.series[0].x) == [10, 20, 30, 40, 50]
    assert list(psnr.series[0].y) == pytest.approx([21, 22, 23.2, 24.2, 25.2])
    assert list(found["training-validation"].series[0].x) == [20, 30, 40, 50]
    assert picture(psnr, "png")


def test_runs_of_one_name(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "other" / "run")
    names = [series.name for series in training_figures([run, tmp_path / "other" / "run"])[0].series]
    assert names == [f"{tmp_path.name}/run", "other/run"]


def test_what_is_no_run(run: Path, tmp_path: Path) -> None:
    assert is_run(run) and is_run(run / "tensorboard")
    assert not is_run(tmp_path) and not is_run(tmp_path / "missing")
    with pytest.raises(EvalError, match="is no training run"):
        training_figures([tmp_path])
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\x00\xff" * 400)
    with pytest.raises(EvalError, match="hold no numbers"):
        training_figures([tmp_path])
