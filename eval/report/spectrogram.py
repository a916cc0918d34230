"""Spectrograms of sound as PNG."""

from __future__ import annotations

import io

import numpy as np
from kodek.datasets import Audio

from ..errors import Unavailable

SIZE = (680, 340)  # pixels
_DPI = 100
_INK = "#8a8a8a"  # of the axes: legible on a light and on a dark page
_TEXT = 13  # points, as pages show the picture at half its size
_WINDOW, _HOP = 0.032, 0.008  # seconds
_RANGE = (-90.0, 0.0)  # dB of full scale


def spectrogram(audio: Audio) -> bytes:
    """PNG of `SIZE`: power in dB of full scale by time and frequency, axes labelled, on nothing.

    Channels are averaged. Raises Unavailable without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise Unavailable("Spectrograms need matplotlib: pip install 'kodek[eval]'.") from error
    power = decibels(audio)
    figure = Figure(figsize=(SIZE[0] / _DPI, SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
    figure.set_facecolor("none")
    axes = figure.add_subplot()
    image = axes.imshow(
        power,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=_RANGE[0],
        vmax=_RANGE[1],
        extent=(0, audio.seconds, 0, audio.rate / 2000),
    )
    axes.set_xlabel("seconds", color=_INK, fontsize=_TEXT)
    axes.set_ylabel("kHz", color=_INK, fontsize=_TEXT)
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("dB", color=_INK, fontsize=_TEXT)
    bar.outline.set_visible(False)
    for part in (axes, bar.ax):
        part.tick_params(colors=_INK, labelsize=_TEXT)
    axes.spines[:].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png", transparent=True)
    return png.getvalue()


def decibels(audio: Audio) -> np.ndarray:
    """Short-time spectra, dB of a full-scale sine, float32 [frequencies, frames]."""
    size = max(16, int(_WINDOW * audio.rate) // 2 * 2)
    hop = max(1, int(_HOP * audio.rate))
    mono = audio.samples.mean(0)
    padded = np.pad(mono, (size // 2, size // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size).astype(np.float32)
    spectra = np.abs(np.fft.rfft(frames * window, axis=1)) * (2 / window.sum())
    return (20 * np.log10(np.maximum(spectra, 1e-6))).T.astype(np.float32)
