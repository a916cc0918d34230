import platform

from kodek._malloc import tune


def test_takes_effect_with_glibc() -> None:
    assert tune() is (platform.libc_ver()[0] == "glibc")
