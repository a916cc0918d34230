"""The fixture model passes the proof of exact decoding, and the proof's negative controls fail."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from kodek.eval.bench import exactness
from kodek.eval.bench.exactness import CONTROLS, SETTINGS
from kodek.eval.errors import EvalError

from .conftest import TINY


@pytest.fixture(scope="module")
def steps() -> list[tuple[int, int, str]]:
    return []


@pytest.fixture(scope="module")
def result(steps: list[tuple[int, int, str]]) -> dict[str, Any]:
    return exactness.run(str(TINY), [(83, 33), (1, 1)], lambda *step: steps.append(step))


def test_every_setting_decodes_alike_and_every_control_fails(result: dict[str, Any]) -> None:
    assert result["passed"] and result["streams"] == 6
    assert result["settings"].keys() | result["skipped"].keys() == SETTINGS.keys()
    assert result["skipped"].keys() <= {"GPU"}
    assert not any(result["settings"].values())
    assert result["controls"].keys() == CONTROLS.keys()
    assert all("83x33 at" in failures[0] for failures in result["controls"].values())
    assert result == json.loads(json.dumps(result))


def test_progress_names_every_step(result: dict[str, Any], steps: list[tuple[int, int, str]]) -> None:
    names = [*result["settings"], *result["controls"]]
    assert steps == [(done, len(names), name) for done, name in enumerate(names)]


def test_report(result: dict[str, Any]) -> None:
    text = exactness.report(result)
    assert text.endswith("\nproven") and "WRONG" not in text
    assert "\nok    1 thread" in text and "\nok    leaked float" in text
    wrong = deepcopy(result) | {"passed": False}
    wrong["settings"]["1 thread"] = ["83x33 at 20: other symbols"]
    wrong["controls"]["leaked float"] = []
    text = exactness.report(wrong)
    assert text.endswith("\nNOT proven") and text.count("WRONG") == 2 and "83x33 at 20: other symbols" in text


def failing(monkeypatch: pytest.MonkeyPatch, name: str, fails: bool) -> bool:
    """Whether the proof passes when decoding fails as it must, but for the setting or control `name`."""

    def answer(module: str, job: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
        here = (environment or {}, job.get("options")) == (SETTINGS.get(name) or ({}, CONTROLS.get(name)))
        here = here and (job["control"] == (name if name in CONTROLS else ""))
        return ["1x1 at 20: other symbols"] if (fails if here else job["control"]) else []

    monkeypatch.setattr(exactness, "run_module", answer)
    return exactness.run(str(TINY), [(1, 1)])["passed"]


def test_one_failure_or_one_control_that_passes_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failing(monkeypatch, "batch 4", False) and failing(monkeypatch, "float prior", True)
    assert not failing(monkeypatch, "batch 4", True)
    assert not failing(monkeypatch, "float prior", False)


def test_a_process_that_breaks_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exactness, "SETTINGS", {"wrong": ({}, {"no_such_option": 1}), "GPU": ({}, {})})
    with pytest.raises(EvalError, match="no_such_option"):
        exactness.run(str(TINY), [(1, 1)])


@pytest.mark.parametrize("sizes", [[], [(0, 5)], [(5, 1025)]])
def test_sizes_out_of_range(sizes: list[tuple[int, int]]) -> None:
    with pytest.raises(EvalError, match="1 to 1024"):
        exactness.run(str(TINY), sizes)
