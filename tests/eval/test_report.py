"""What a report's folder holds, how it is written, and that no name breaks its page."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bjontegaard")
pytest.importorskip("matplotlib")
pytest.importorskip("plotly")

from kodek.datasets import Audio, MediaWriteError
from kodek.eval.report import build, check
from kodek.eval.report.folder import whole
from kodek.eval.report.spectrogram import decibels, spectrogram
from kodek.eval.results import Results
from PIL import Image

from kodek import cli

Row = dict[str, Any]
EVIL = "<script>alert(1)</script>&\"'.png"
QUALITIES = (5, 30, 60, 90)


def waves(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 1))
    planes = np.stack([60 * np.sin(x / 9 + c) + 50 * np.cos(y / (5 + seed)) for c in range(3)], -1)
    return np.clip(127 + planes + noise, 0, 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def evaluation(folder: Path, names: tuple[str, ...] = ("a.png", "b.png")) -> Path:
    """Results of Pillow's JPEG and WebP over small pictures, with a task, timings and the coded files."""
    data, out = folder / "data", folder / "results"
    data.mkdir()
    rows: list[Row] = []
    timings: list[Row] = []
    for seed, name in enumerate(names):
        original = waves(seed)
        if "/" not in name:
            Image.fromarray(original).save(data / name, "PNG")
        base = {"file": name, "media": "image", "width": 64, "height": 48}
        judged = {
            "codec": "original",
            "setting": 0.0,
            "bytes": 9000,
            "versions": {},
            "measures": {"imagenet_top1": [1.0, 1.0]},
        }
        rows.append(base | judged)
        for codec, suffix, kind in (("jpeg", ".jpg", "JPEG"), ("webp", ".webp", "WEBP")):
            for quality in QUALITIES:
                file = io.BytesIO()
                Image.fromarray(original).save(file, kind, quality=quality)
                stream = out / "streams" / codec / str(quality) / f"{name}{suffix}"
                stream.parent.mkdir(parents=True, exist_ok=True)
                stream.write_bytes(file.getvalue())
                measures = {"psnr": psnr(original, np.asarray(Image.open(file).convert("RGB")))}
                measures["imagenet_top1"] = [float(quality > 20 * seed), 1.0]
                row = base | {"codec": codec, "setting": float(quality), "versions": {"pillow": "12"}}
                rows.append(row | {"bytes": len(file.getvalue()), "measures": measures})
                times = {"encode_seconds": 0.01, "decode_seconds": 0.004, "encode_peak": 10**7, "decode_peak": None}
                timings.append({key: row[key] for key in ("codec", "setting", "file", "versions")} | times)
    rows.append(
        {**base, "codec": "jpeg", "setting": 99.0, "versions": {"pillow": "12"}, "error": f"no luck with {EVIL}"}
    )
    write(out, rows, timings, data)
    return out


def write(out: Path, rows: list[Row], timings: list[Row], data: Path) -> None:
    out.mkdir(exist_ok=True)
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (out / "timings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in timings))
    run = {
        "commands": [f"kodek eval --data '{EVIL}'"],
        "data": str(data),
        "files": 2,
        "started": "2026-01-02T03:04:05Z",
        "codecs": {"jpeg": {"settings": QUALITIES, "versions": {"pillow": "12"}, "about": "Pillow"}},
        "meters": {"imagenet": {"versions": {}, "judge": "EfficientNet-lite0", "task": True, "source": ""}},
        "unavailable": {"lpips": "LPIPS needs weights: <b>none</b>"},
        "unreadable": {},
        "environment": {"python": "3.13", "packages": {"numpy": "1.26"}},
    }
    (out / "run.json").write_text(json.dumps(run))


class Page(HTMLParser):
    """The page as a browser parses it: how many of each tag, the text, and where links go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def page_data(out: Path) -> dict[str, Any]:
    text = (out / "index.html").read_text("utf-8")
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


def test_what_the_folder_holds(tmp_path: Path) -> None:
    results = Results.load([evaluation(tmp_path)])
    out = tmp_path / "report"
    problems = build(results, out, interval=(29, 36), command="kodek report results --out report")
    page = Page((out / "index.html").read_text("utf-8"))
    assert [link for link in page.links if not link.startswith(("#", "data:")) and not (out / link).is_file()] == []
    assert not any(link.startswith(("http:", "https:", "//")) for link in page.links)
    assert "webp needs" in page.text and "bits than jpeg" in page.text
    assert "EfficientNet-lite0" in page.text and "kodek report results --out report" in page.text
    assert [problem for problem in problems if "LPIPS needs weights" in problem]
    data = page_data(out)
    assert {figure["group"] for figure in data["figures"]} == {"curves", "tasks", "speed"}
    rows = [json.loads(line) for line in (out / "data" / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == len(results.rows) + len(results.errors)
    for picture in data["pictures"]:
        original = np.asarray(Image.open(out / picture["original"]["src"]))
        assert np.array_equal(original, waves(["a.png", "b.png"].index(picture["name"])))
        for version in picture["codecs"]["webp"]:
            shown = psnr(original, np.asarray(Image.open(out / version["src"]).convert("RGB")))
            assert version["measures"][0] == [next(m.title for m in results.measures), f"{shown:.2f} dB"]


def test_every_measure_has_a_table_with_its_worst_files(tmp_path: Path) -> None:
    results = Results.load([evaluation(tmp_path)])
    build(results, tmp_path / "report", files=0)
    text = Page((tmp_path / "report" / "index.html").read_text("utf-8")).text
    for measure in results.measures:
        assert f"{measure.title}, every codec and rate" in text and f"{measure.title} ↑" in text
    worst = results.worst("webp", 30, "psnr")
    assert worst == pytest.approx(min(results.values("webp", 30, "psnr")))
    assert "Worst 1 of 2" in text and f"{worst:.2f} dB" in text
    assert "All measures" in text and f"{results.level('imagenet_top1'):.1f} %" in text


def test_bd_rates_are_those_of_the_comparison(tmp_path: Path) -> None:
    from kodek.eval.comparison import compare

    results = Results.load([evaluation(tmp_path)])
    build(results, tmp_path / "report", files=0, interval=(29, 36))
    table = next(entry for entry in page_data(tmp_path / "report")["bd"] if entry["group"] == "curves")
    row = next(row for row in table["tables"]["jpeg"]["rows"] if row["codec"] == "webp")
    expected = compare(results, "webp", "jpeg", "psnr", (29, 36))
    assert row["mean"] == pytest.approx(expected.percent)
    assert "29 to 36 dB" in table["tables"]["jpeg"]["caption"]


def test_no_name_or_message_breaks_the_page(tmp_path: Path) -> None:
    results = Results.load([evaluation(tmp_path, ("a.png", EVIL.replace("/", "")))])
    out = tmp_path / "report"
    build(results, out)
    page = Page((out / "index.html").read_text("utf-8"))
    plain = Page((out / "index.html").read_text("utf-8").replace("alert(1)", ""))
    assert page.tags["script"] == plain.tags["script"] == 8
    assert "b" not in page.tags
    assert EVIL in page.text
    assert EVIL.replace("/", "") in [picture["name"] for picture in page_data(out)["pictures"]]


def test_what_cannot_be_shown_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = evaluation(tmp_path)
    (source / "streams" / "jpeg" / "5" / "a.png.jpg").write_bytes(b"short")
    (tmp_path / "data" / "b.png").unlink()
    results = Results.load([source])
    problems = build(results, tmp_path / "report")
    assert [problem for problem in problems if problem.startswith("jpeg at 5 of a.png is not shown: its coded file")]
    assert "b.png is not shown: the original is not where the run found it." in problems
    assert [picture["name"] for picture in page_data(tmp_path / "report")["pictures"]] == ["a.png"]


def test_an_interrupted_report_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results.load([evaluation(tmp_path)])

    def stop(text: str) -> None:
        if text == "Page":
            raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        build(results, tmp_path / "report", tell=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_only_a_report_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    check(out, force=False)  # empty
    (out / "thesis.txt").write_text("dear")
    with pytest.raises(MediaWriteError, match="other things"), whole(out, force=False):
        pass
    assert (out / "thesis.txt").exists()
    with whole(out, force=True) as folder:
        (folder / "index.html").write_text('<meta name="generator" content="kodek report">')
    assert [path.name for path in out.iterdir()] == ["index.html"]
    with whole(out, force=False) as folder:
        (folder / "new").touch()
    assert [path.name for path in out.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_sources_are_never_replaced(tmp_path: Path) -> None:
    results = Results.load([evaluation(tmp_path)])
    for out in (tmp_path, tmp_path / "results", tmp_path / "data"):
        with pytest.raises(MediaWriteError, match="can't be the report"):
            build(results, out, force=True)
    assert (tmp_path / "results" / "rows.jsonl").exists() and (tmp_path / "data" / "a.png").exists()


def sound(rate: int = 16000, seconds: float = 0.5) -> Audio:
    times = np.arange(int(rate * seconds)) / rate
    return Audio(np.float32(0.5 * np.sin(2 * np.pi * 2000 * times))[None], rate)


def test_spectrogram() -> None:
    power = decibels(sound())
    assert power.max() == pytest.approx(-6, abs=0.5)  # half of full scale
    frequency = np.argmax(power[:, 20]) / (power.shape[0] - 1) * 8000
    assert frequency == pytest.approx(2000, abs=40)
    assert Image.open(io.BytesIO(spectrogram(sound()))).size == (680, 340)
    assert Image.open(io.BytesIO(spectrogram(Audio(np.zeros((2, 1), np.float32), 8000)))).size == (680, 340)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = evaluation(tmp_path), tmp_path / "report"
    assert cli.main(["report", str(source), "--out", str(out), "--files", "1"]) == 0
    assert capsys.readouterr().out.strip() == str(out / "index.html")
    assert cli.main(["report", str(tmp_path / "none"), "--out", str(out)]) == 3
    assert "none" in capsys.readouterr().err
    assert cli.main(["report", str(source), "--out", str(source)]) == 6
    assert (source / "rows.jsonl").exists()
