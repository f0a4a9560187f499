"""Which wheels can be installed together: compared with the tags that packaging says interpreters take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging import tags

from nativewheel.wheel.compatibility import installable_together
from nativewheel.wheel.names import WheelName


def wheel(tag: str, name: str = "a") -> WheelName:
    return WheelName.parse(f"{name}-1-{tag}.whl")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("py3-none-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64", True),
        ("py3-none-manylinux2014_x86_64", "cp311-cp311-manylinux_2_28_x86_64", True),
        ("py3-none-manylinux1_i686", "cp311-cp311-manylinux_2_28_x86_64", False),
        ("py3-none-manylinux_2_17_x86_64", "cp311-cp311-musllinux_1_2_x86_64", False),
        ("py3-none-musllinux_1_1_x86_64", "cp311-cp311-musllinux_1_2_x86_64", True),
        ("py3-none-linux_x86_64", "cp311-cp311-musllinux_1_2_x86_64", True),
        ("py3-none-linux_x86_64", "cp311-cp311-manylinux_2_28_x86_64", True),
        ("py3-none-linux_x86_64", "py3-none-linux_aarch64", False),
        ("py3-none-linux_x86_64", "py3-none-macosx_11_0_x86_64", False),
        ("py3-none-any", "cp311-cp311-win_amd64", True),
        ("py3-none-win32", "py3-none-win_amd64", False),
        ("py3-none-win_amd64", "py3-none-win_amd64", True),
        ("py3-none-macosx_11_0_arm64", "cp311-cp311-macosx_14_0_universal2", True),
        ("py3-none-macosx_11_0_arm64", "cp311-cp311-macosx_10_9_x86_64", False),
        ("py3-none-macosx_10_6_intel", "cp311-cp311-macosx_10_9_universal2", True),
        ("py3-none-macosx_10_6_fat", "cp311-cp311-macosx_10_9_universal2", False),
        ("py3-none-manylinux_2_17_x86_64.musllinux_1_2_x86_64", "cp311-cp311-musllinux_1_2_x86_64", True),
        ("py3-none-any", "py2-none-any", False),
        ("py2.py3-none-any", "py2-none-any", True),
        ("py311-none-any", "cp310-cp310-win32", False),
        ("py311-none-any", "cp312-cp312-win32", True),
        ("cp311-cp311-win32", "cp312-cp312-win32", False),
        ("cp311.cp312-cp311.cp312-win32", "cp312-cp312-win32", True),
        ("cp38-abi3-win32", "cp312-cp312-win32", True),
        ("cp38-abi3-win32", "cp37-cp37m-win32", False),
        ("cp38-abi3-win32", "cp313-cp313t-win32", False),
        ("cp38-abi3-win32", "cp310-abi3-win32", True),
        ("cp38-abi3-win32", "pp310-pypy310_pp73-win32", False),
        ("cp313-cp313-win32", "cp313-cp313t-win32", False),
        ("cp313-none-win32", "cp313-cp313t-win32", True),
        ("cp315-abi3t-win32", "cp315-abi3-win32", False),
        ("cp315-abi3t.abi3-win32", "cp316-cp316-win32", True),
        ("cp315-abi3t-win32", "cp316-cp316t-win32", True),
        ("py310-none-win32", "pp310-pypy310_pp73-win32", True),
        ("py311-none-win32", "pp310-pypy310_pp73-win32", False),
        ("graalpy311-graalpy242_311_native-win32", "graalpy311-graalpy242_311_native-win32", True),
        ("graalpy311-graalpy242_311_native-win32", "pp311-pypy311_pp73-win32", False),
        ("odd_1-none-any", "odd_1-none-any", True),
        ("odd_1-none-any", "py3-none-any", False),
        ("cp" + "3" * 5000 + "-none-any", "py3-none-any", False),
    ],
)
def test_pairs(one: str, other: str, expected: bool) -> None:  # noqa: FBT001
    assert installable_together(wheel(one), wheel(other)) is expected
    assert installable_together(wheel(other), wheel(one)) is expected


def _taken(interpreter: str, version: tuple[int, int], abi: str) -> frozenset[tuple[str, str]]:
    specific = tags.cpython_tags if interpreter == "cp" else None
    found = specific(version, [abi], ["win32"]) if specific else tags.generic_tags(f"{interpreter}{version[0]}{version[1]}", [abi, "none"], ["win32"])
    return frozenset((tag.interpreter, tag.abi) for tag in (*found, *tags.compatible_tags(version, None, ["win32"])))


ENVIRONMENTS = [
    *(_taken("cp", (3, minor), f"cp3{minor}") for minor in range(2, 17)),
    *(_taken("cp", (3, minor), f"cp3{minor}t") for minor in range(13, 17)),
    _taken("cp", (2, 7), "cp27m"),
    *(_taken("pp", (3, minor), f"pypy3{minor}_pp73") for minor in (8, 10, 11)),
]
KNOWN = sorted(frozenset().union(*ENVIRONMENTS))


@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN))
def test_the_tags_that_interpreters_take(one: tuple[str, str], other: tuple[str, str]) -> None:
    expected = any(one in taken and other in taken for taken in ENVIRONMENTS)
    assert installable_together(wheel(f"{one[0]}-{one[1]}-win32"), wheel(f"{other[0]}-{other[1]}-win32")) is expected


TAGS = st.builds(
    lambda pythons, platforms: WheelName.parse(
        f"a-1-{'.'.join(python for python, _ in pythons)}-{'.'.join(abi for _, abi in pythons)}-{'.'.join(platforms)}.whl"
    ),
    st.lists(st.sampled_from(KNOWN), min_size=1, max_size=2),
    st.lists(st.sampled_from(["any", "linux_x86_64", "manylinux_2_28_x86_64", "musllinux_1_2_x86_64", "win32", "macosx_11_0_arm64"]), min_size=1),
)


@given(TAGS, TAGS)
def test_symmetric_and_reflexive(one: WheelName, other: WheelName) -> None:
    assert installable_together(one, one)
    assert installable_together(one, other) == installable_together(other, one)
