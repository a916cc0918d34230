"""Reports opened from disk in a real browser: nothing fails, charts are drawn, all controls work."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("bjontegaard")
pytest.importorskip("matplotlib")
pytest.importorskip("plotly")
pytest.importorskip("av")
pytest.importorskip("playwright", reason="playwright is not installed")

from kodek.datasets import Audio, read_audio, write_wav
from kodek.eval.codec import Codec
from kodek.eval.report import build
from kodek.eval.report import choose as choose_module
from kodek.eval.results import Results
from kodek.eval.sample import Media
from PIL import Image
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
EVIL = "<script>window.broken=1<script>.png"
Row = dict[str, Any]


def save(out: Path, rows: list[Row], timings: list[Row], data: Path) -> Results:
    out.mkdir(exist_ok=True)
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (out / "timings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in timings))
    run = {"commands": [f"kodek eval --data {data}"], "data": str(data), "unavailable": {"avif": "not in this Pillow"}}
    (out / "run.json").write_text(json.dumps(run))
    return Results.load([out])


def stream(out: Path, codec: str, setting: float, name: str, data: bytes) -> None:
    path = out / "streams" / codec / f"{setting:g}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def timing(row: Row) -> Row:
    seconds = {"encode_seconds": 0.02, "decode_seconds": 0.01, "encode_peak": 10**7, "decode_peak": 10**7}
    return {key: row[key] for key in ("codec", "setting", "file", "versions")} | seconds


def picture_results(folder: Path) -> Results:
    """Two pictures in JPEG and WebP at four qualities."""
    data, out = folder / "data", folder / "results"
    data.mkdir(parents=True)
    rows: list[Row] = []
    y, x = np.mgrid[:240, :360]
    for seed, name in enumerate(("a.png", EVIL)):
        waves = np.stack([70 * np.sin(x / (9 + c) + y / 40) + 50 * np.cos(y / (15 + seed)) for c in range(3)], -1)
        pixels = np.clip(127 + waves, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(data / name, "PNG")
        base = {"file": name, "media": "image", "width": 360, "height": 240}
        judged = {"codec": "original", "setting": 0.0, "bytes": 9000, "versions": {}}
        rows.append({**base, **judged, "measures": {"imagenet_top1": [1.0, 1.0]}})
        for codec, suffix, kind in (("jpeg", ".jpg", "JPEG"), ("webp", ".webp", "WEBP")):
            for quality in (5, 30, 60, 90):
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, kind, quality=quality)
                stream(out, codec, quality, f"{name}{suffix}", file.getvalue())
                error = np.mean((np.asarray(Image.open(file).convert("RGB")).astype(float) - pixels) ** 2)
                values = {"psnr": float(10 * np.log10(255**2 / error)), "imagenet_top1": [float(quality > 5), 1.0]}
                row = {"codec": codec, "setting": float(quality), "versions": {}, "bytes": len(file.getvalue())}
                rows.append({**base, **row, "measures": values})
    return save(out, rows, [timing(row) for row in rows if row["codec"] != "original"], data)


def sound_codec(name: str) -> Codec:
    """WAV of fewer samples a second."""

    def decode(data: bytes) -> Audio:
        return read_audio(io.BytesIO(data))

    return Codec(name, Media.AUDIO, (4000, 8000), lambda audio, rate: b"", decode, {}, ".wav")


def sound_results(folder: Path) -> Results:
    data, out = folder / "data", folder / "results"
    data.mkdir(parents=True)
    rows: list[Row] = []
    times = np.arange(16000) / 16000
    chirp = np.float32(0.4 * np.sin(2 * np.pi * (200 + 1500 * times) * times))[None]
    write_wav(data / "chirp.wav", Audio(chirp, 16000))
    for codec, cost in (("opus", 1), ("mp3", 2)):
        for step in (4, 2, 1):
            file = io.BytesIO()
            write_wav(file, Audio(chirp[:, :: step * cost].copy(), 16000 // step // cost))
            stream(out, codec, step, "chirp.wav.wav", file.getvalue())
            base = {"file": "chirp.wav", "media": "audio", "channels": 1, "sample_rate": 16000, "length": 16000}
            row = {"codec": codec, "setting": float(step), "versions": {}, "bytes": len(file.getvalue())}
            rows.append({**base, **row, "measures": {"si_sdr": 20.0 - 3 * step}})
    return save(out, rows, [], data)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    build(picture_results(folder / "pictures"), folder / "of-pictures", interval=(33, 38))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose_module, "find_codec", sound_codec)
        build(sound_results(folder / "sounds"), folder / "of-sounds")
    return {"pictures": folder / "of-pictures", "sounds": folder / "of-sounds"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@dataclass
class Opened:
    page: Any
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Any, reports: dict[str, Path]) -> Iterator[Any]:
    """visit(report, width, theme) -> the page and what the browser complained about."""
    contexts = []

    def visit(report: str = "pictures", width: int = 1280, theme: str = "light") -> Opened:
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce", offline=True))
        page = contexts[-1].new_page()
        opened = Opened(page)
        say = opened.complaints.append
        page.on("console", lambda message: say(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: say(str(error)))
        page.on("requestfailed", lambda request: say(f"failed: {request.url}"))
        page.on(
            "request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else say(request.url)
        )
        page.goto((reports[report] / "index.html").as_uri(), wait_until="load")
        return opened

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
@pytest.mark.parametrize("report", ["pictures", "sounds"])
def test_nothing_fails_and_nothing_overflows(visit: Any, report: str, width: int, theme: str) -> None:
    opened = visit(report, width, theme)
    page = opened.page
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for charts in page.locator(".charts").all():
        tabs = charts.get_by_role("tab").all()
        for tab in tabs or [None]:
            if tab is not None:
                tab.click()
            assert charts.locator(".scatterlayer .trace .points path").count() >= 3
            assert charts.locator(".scatterlayer .trace .lines path").first.get_attribute("d").count("L") >= 1
        assert charts.locator(".main-svg").first.bounding_box()["width"] <= width
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") != theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.broken") is None
    assert opened.complaints == []


def clip(page: Any) -> str:
    return page.evaluate("getComputedStyle(document.querySelector('.layer-right')).clipPath")


def test_slider_by_mouse_and_keyboard(visit: Any) -> None:
    opened = visit()
    page = opened.page
    stage, handle = page.locator(".stage"), page.get_by_role("slider", name="Divider")
    stage.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.layer img')].every((image) => image.naturalWidth === 360)")
    start = clip(page)
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=3)
    page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "25"
    dragged = clip(page)
    assert dragged != start
    handle.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "27"
    assert clip(page) != dragged
    handle.press("End")
    assert handle.get_attribute("aria-valuenow") == "100"
    assert opened.complaints == []


def test_pictures_to_choose_from(visit: Any) -> None:
    page = visit().page
    compare = page.locator("#compare")
    sources = "[...document.querySelectorAll('.layer img')].map((image) => image.getAttribute('src'))"
    first = page.evaluate(sources)
    compare.get_by_label("Size of the coded files").press("End")
    assert page.evaluate(sources) != first
    compare.get_by_label("left", exact=True).select_option("original")
    assert "original" in page.evaluate(sources)[0]
    compare.get_by_label("picture", exact=True).select_option(label=EVIL)
    page.wait_for_function("[...document.querySelectorAll('.layer img')].every((image) => image.naturalWidth === 360)")
    assert "bytes" in compare.locator(".side").last.inner_text()
    compare.get_by_role("radio", name="4").click()
    image = compare.locator(".layer-left img")
    assert image.evaluate("(image) => image.style.imageRendering") == "pixelated"
    before = image.bounding_box()["x"]
    box = compare.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8 - 60, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert image.bounding_box()["x"] == pytest.approx(before - 60, abs=1)


def test_legend_and_scale(visit: Any) -> None:
    page = visit().page
    charts = page.locator(".charts").first
    lines = charts.locator(".scatterlayer .trace")
    assert lines.count() == 2
    charts.locator(".legendtoggle").first.click()
    page.wait_for_function(
        "document.querySelectorAll('.charts .plot')[0].querySelectorAll('.scatterlayer .trace').length === 1"
    )
    axis = "document.querySelector('.charts .plot')._fullLayout.xaxis.type"
    before = page.evaluate(axis)
    charts.get_by_role("radio", name="log" if before == "linear" else "linear").click()
    assert page.evaluate(axis) != before
    assert lines.count() == 1  # still hidden


def test_bd_rates_against_another_anchor(visit: Any) -> None:
    page = visit().page
    table = page.locator("#bd-rate table")
    assert "against jpeg" in table.inner_text() and "33 to 38 dB" in table.inner_text()
    page.locator("#bd-rate").get_by_label("anchor").select_option("webp")
    assert "against webp" in table.inner_text()


def test_keyboard_reaches_every_control(visit: Any) -> None:
    page = visit().page
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.getAttribute('role') || document.activeElement.tagName).toLowerCase()"
            )
        )
    assert {"a", "button", "tab", "radio", "select", "input", "slider", "region"} <= reached
    tabs = page.locator("#curves").get_by_role("tab")
    if tabs.count() > 1:
        tabs.first.focus()
        page.keyboard.press("ArrowRight")
        assert tabs.nth(1).get_attribute("aria-selected") == "true"


def test_players(visit: Any) -> None:
    opened = visit("sounds")
    page = opened.page
    loaded = "[...document.querySelectorAll('audio')].every((audio) => audio.duration > 0.9)"
    page.wait_for_function(loaded)
    assert page.locator("audio").count() == 3
    first = page.locator("audio").nth(1).get_attribute("src")
    page.get_by_label("Rate of the coded files").press("End")
    assert page.locator("audio").nth(1).get_attribute("src") != first
    page.wait_for_function(loaded)
    page.locator("#listen").scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.card img')].every((image) => image.naturalWidth > 0)")
    assert opened.complaints == []
