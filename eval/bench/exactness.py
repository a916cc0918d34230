"""The proof that a model decodes to the same symbols everywhere, and that the proof can fail: `kodek bench exactness`.

Pictures or sounds are encoded once. Every setting below then decodes the payloads in a fresh process and must find the
recorded symbol hash and a stream used up to its last bit:

- threads, batch, layout, oneDNN and NNPACK on and off, the oldest instruction sets of ATen and oneDNN, a GPU;
- `perturbed`: at the level of torch's dispatcher, every floating output outside the prior is multiplied by
  1 + 1e-3 noise, and inside it every number must be a fixed-point number of float64 (at most 26 fractional
  bits, at most 53 bits in all).

Negative controls, which must fail: the prior in float arithmetic (`float prior`), and the exact prior with
one float leaked into it through a functional call (`leaked float`).
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from kodek.codecs.zoo import read_entry
from kodek.entropy import StreamError

from ..children import run_module, serve
from ..models import find_model, media_of
from ..sample import Media
from . import Progress, no_progress
from .controls import FLOAT, LEAKY, sabotage
from .perturbation import InexactError, Layout, Perturbation
from .subjects import Coded, MismatchedError, Pictures, Size, Sounds, Subject, check_sizes, subject

# name -> (environment, options of `decode_all`)
SETTINGS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "1 thread": ({}, {"threads": 1}),
    "2 threads": ({}, {"threads": 2}),
    "batch 4": ({}, {"batch": 4}),
    "batch 32": ({}, {"batch": 32}),
    "channels last": ({}, {"channels_last": True}),
    "oneDNN off": ({}, {"mkldnn": False}),
    "oneDNN and NNPACK off, batch 32": ({}, {"mkldnn": False, "nnpack": False, "batch": 32}),
    "ATen without SIMD": ({"ATEN_CPU_CAPABILITY": "default"}, {}),
    "oneDNN at SSE4.1": ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, {}),
    "entropy coder without SIMD": ({"KODEK_PORTABLE": "1"}, {}),
    "perturbed": ({}, {"perturb": True}),
    "GPU": ({}, {"device": "cuda"}),
}
CONTROLS: dict[str, dict[str, Any]] = {
    FLOAT: {"perturb": True, "marked": False},
    LEAKY: {"perturb": True},
}


def run(model: str | None, sizes: Sequence[Size] | None = None, progress: Progress = no_progress) -> dict[str, Any]:
    """Prove it for a model of the zoo (the newest of pictures if None) or a path to weights.

    sizes: width and height of pictures, channels and frames of sounds; None for some of each kind.

    Returns a sentence for each of `streams` that fails, under every one of `settings` (none may) and `controls` (some
    must), each in a fresh process; the `skipped` settings with their reasons; and whether all that `passed`.
    Raises EvalError, also where a process breaks (neither a proof nor a failure of one), or CodecError.
    """
    entry = find_model(model)
    kind = Sounds if media_of(entry) is Media.AUDIO else Pictures
    sizes = kind.sizes if sizes is None else sizes
    check_sizes(kind, sizes)
    settings, skipped = dict(SETTINGS), {}
    if not torch.cuda.is_available():
        del settings["GPU"]
        skipped["GPU"] = "torch has none here"
    failures: dict[str, list[str]] = {}
    streams: list[int] = []
    with tempfile.TemporaryDirectory() as folder:

        def fails(control: str, environment: dict[str, str], options: dict[str, Any]) -> list[str]:
            """Encode in one process (once for each control), decode in another."""
            files = Path(folder, f"{control or 'files'}.pickle")
            job = {"model": str(entry.path), "control": control, "files": str(files)}
            if not files.exists():
                streams.append(run_module(__name__, {**job, "sizes": list(sizes)}))
            return run_module(__name__, {**job, "options": options}, environment)

        jobs = [("", name, *how) for name, how in settings.items()]
        jobs += [(name, name, {}, options) for name, options in CONTROLS.items()]
        for done, (control, name, environment, options) in enumerate(jobs):
            progress(done, len(jobs), name)
            failures[name] = fails(control, environment, options)
    return {
        "model": entry.name,
        "streams": streams[0],
        "settings": {name: failures[name] for name in settings},
        "controls": {name: failures[name] for name in CONTROLS},
        "skipped": skipped,
        "passed": not any(failures[name] for name in settings) and all(failures[name] for name in CONTROLS),
    }


def report(result: dict[str, Any]) -> str:
    lines = [f"exact decoding of {result['model']}, {result['streams']} streams under every setting"]
    for kind in ("settings", "controls"):
        must_fail = kind == "controls"
        for name, failures in result[kind].items():
            verdict = "ok" if bool(failures) == must_fail else "WRONG"
            said = f"{len(failures)} of {result['streams']} fail" + (", as some must" if must_fail else "")
            lines.append(f"{verdict:<6}{name:<34}{said}" + (f": {failures[0]}" if failures else ""))
    lines += [f"{'none':<6}{name:<34}{reason}" for name, reason in result["skipped"].items()]
    lines.append("proven" if result["passed"] else "NOT proven")
    return "\n".join(lines)


def decode_all(
    subject: Subject,
    files: Sequence[Coded],
    *,
    threads: int = 0,
    batch: int = 1,
    channels_last: bool = False,
    mkldnn: bool = True,
    nnpack: bool = True,
    perturb: bool = False,
    marked: bool = True,
) -> list[str]:
    """Decode every file `batch`-fold; one line for each that does not come out as encoded.

    perturb: see the module's text; marked: whether the prior counts as the exact region.
    """
    if threads:
        torch.set_num_threads(threads)
    mode = Perturbation() if perturb else None
    layout = Layout() if channels_last else nullcontext()
    # only touched to switch them off: merely naming them warns about hardware that is not there
    onednn = nullcontext() if mkldnn else torch.backends.mkldnn.flags(enabled=False)
    winograd = nullcontext() if nnpack else torch.backends.nnpack.flags(enabled=False)
    failures = []
    with torch.inference_mode(), onednn, winograd, layout, mode or nullcontext():
        for coded in files:
            try:
                subject.decode(coded, batch, mode.exact_region() if mode and marked else nullcontext())
            except (InexactError, StreamError, MismatchedError) as error:
                failures.append(f"{coded.name}: {error}")
    if mode and marked and not mode.checked:
        failures.append("the exact region was never seen")
    return failures


def _job(
    model: str,
    control: str,
    files: str,
    sizes: Sequence[Size] | None = None,
    options: dict[str, Any] | None = None,
) -> int | list[str]:
    """Encode streams of these sizes; how many. Or decode what such a process left in `files`; its failures."""
    options = options or {}
    found = subject(read_entry(Path(model)), options.pop("device", "cpu"))
    if control:
        sabotage(found.codec, control)
    if sizes is None:
        return decode_all(found, pickle.loads(Path(files).read_bytes()), **options)
    coded = found.encode(sizes)
    Path(files).write_bytes(pickle.dumps(coded))
    return len(coded)


if __name__ == "__main__":
    serve(_job)
