"""The fixture model passes the proof of exact decoding, and the proof's negative controls fail."""

from pathlib import Path

from kodek.eval.exactness import CONTROLS, SETTINGS, prove

TINY = Path(__file__).parents[1] / "golden" / "tiny" / "weights.safetensors"


def test_every_setting_decodes_alike_and_every_control_fails():
    results = prove(str(TINY), sizes=[(33, 83), (1, 1)])
    assert set(results) >= (set(SETTINGS) | set(CONTROLS)) - {"GPU"}
    for name, failures in results.items():
        if name in CONTROLS:
            assert failures, name
        else:
            assert not failures, name
