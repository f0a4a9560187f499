"""`check` on published wheels of many projects: what it finds is true, and nothing else is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from realwheels import PUBLISHED, published

import nativewheel

if TYPE_CHECKING:
    from nativewheel.check.finding import Finding

pytestmark = pytest.mark.network

ERRORS = {
    # The x86_64 slice is made for macOS 10.13.
    ("cryptography-44.0.3-cp39-abi3-macosx_10_9_universal2.whl", "NW303", "cryptography/hazmat/bindings/_rust.abi3.so"),
    # WHEEL was edited after RECORD was written.
    ("opencv_python_headless-4.11.0.86-cp37-abi3-macosx_13_0_x86_64.whl", "NW101", "opencv_python_headless-4.11.0.86.dist-info/WHEEL"),
    # libstdc++.so.6 and libgcc_s.so.1 are looked for in a folder of the interpreter of the build image.
    (
        "scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "NW202",
        "scipy/special/cython_special.cpython-311-x86_64-linux-gnu.so",
    ),
}
WARNINGS = {
    # LC_RPATH of build machines, by which nothing is looked for any more since delocate has been there.
    ("pillow-11.3.0-cp312-cp312-macosx_10_13_x86_64.whl", "NW302"),
    ("pillow-11.3.0-cp312-cp312-macosx_11_0_arm64.whl", "NW302"),
    ("pyzmq-26.4.0-cp312-cp312-macosx_10_15_universal2.whl", "NW302"),
    # Three libraries under three names each.
    ("pyarrow-21.0.0-cp312-cp312-macosx_12_0_arm64.whl", "NW109"),
    ("pyarrow-21.0.0-cp312-cp312-macosx_12_0_x86_64.whl", "NW109"),
}


def findings(name: str) -> tuple[Finding, ...]:
    result = nativewheel.check([published(name)])
    assert not result.failures
    return tuple(result.findings)


@pytest.mark.parametrize("name", PUBLISHED)
def test_findings_are_true(name: str) -> None:
    found = findings(name)
    assert {(name, item.rule, item.member) for item in found if item.severity == "error"} == {row for row in ERRORS if row[0] == name}
    assert {(name, item.rule) for item in found if item.severity == "warning"} == {row for row in WARNINGS if row[0] == name}


def test_why() -> None:
    """The messages name what is wrong, and where."""
    texts = {item.rule: item.message for name, _, _ in ERRORS for item in findings(name)}
    assert texts["NW303"] == "needs macOS 10.13 on x86_64, and macosx_10_9_universal2 promises 10.9"
    assert texts["NW202"].startswith("the search path has /opt/_internal/cpython-3.11.10/lib/")
