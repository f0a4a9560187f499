"""Which wheels an override selects."""

from __future__ import annotations

import pytest

from nativewheel.config.select import identifiers, is_linux, selects
from nativewheel.wheel.names import WheelName

LINUX = WheelName.parse("spam-1.0-cp311-cp311-linux_x86_64.whl")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("cp311-cp311-linux_x86_64", ("cp311-manylinux_x86_64",)),
        ("cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64", ("cp311-manylinux_aarch64",)),
        ("cp311-cp311-manylinux1_i686", ("cp311-manylinux_i686",)),
        ("cp311-cp311-musllinux_1_2_armv7l", ("cp311-musllinux_armv7l",)),
        ("cp313-cp313t-win_amd64", ("cp313t-win_amd64",)),
        ("cp38-abi3-win32", ("cp38-win32",)),
        ("cp312-cp312-macosx_11_0_arm64", ("cp312-macosx_arm64",)),
        ("cp312-cp312-macosx_10_9_universal2", ("cp312-macosx_universal2",)),
        ("py2.py3-none-any", ("py2-any", "py3-any")),
    ],
)
def test_identifiers_are_those_of_cibuildwheel(tags: str, expected: tuple[str, ...]) -> None:
    assert identifiers(WheelName.parse(f"spam-1.0-{tags}.whl"), None) == expected


def test_the_platform_asked_for_tells_the_c_library_of_a_plain_linux_wheel() -> None:
    assert identifiers(LINUX, "musllinux_1_2_x86_64") == ("cp311-musllinux_x86_64",)
    assert identifiers(LINUX, "manylinux_2_28_x86_64") == ("cp311-manylinux_x86_64",)


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (("*-linux_*",), True),
        (("*-manylinux_*",), True),
        (("cp311-*",), True),
        (("spam-*",), True),
        (("*-win_*",), False),
        (("*-win_* cp311-*",), True),
        (("*-win_*", "cp311-*"), True),
        (("cp311",), False),
        (("SPAM-*",), False),
        (("*.whl",), False),
        ((), False),
        ((" ",), False),
    ],
)
def test_globs(patterns: tuple[str, ...], selected: bool) -> None:  # noqa: FBT001
    assert selects(patterns, LINUX, None) is selected


@pytest.mark.parametrize(
    ("platform", "linux"),
    [("linux_x86_64", True), ("manylinux2014_x86_64", True), ("musllinux_1_2_aarch64", True), ("win_amd64", False), ("any", False)],
)
def test_linux_wheels_are_told_by_their_tags(platform: str, linux: bool) -> None:  # noqa: FBT001
    assert is_linux(WheelName.parse(f"spam-1.0-py3-none-{platform}.whl")) is linux
