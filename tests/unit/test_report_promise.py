"""What the file name promises against what the content keeps."""

from __future__ import annotations

import pytest

from nativewheel.linkage.inspection import Verdict
from nativewheel.report.promise import promise_text

VERDICT = Verdict(tag="manylinux_2_17_x86_64", aliases=("manylinux2014_x86_64",), better=("manylinux_2_12_x86_64", "manylinux_2_5_x86_64"))


@pytest.mark.parametrize(
    ("platforms", "text"),
    [
        (("manylinux_2_17_x86_64", "manylinux2014_x86_64"), None),
        (("manylinux2014_x86_64",), None),
        (("manylinux_2_17_x86_64", "manylinux_2_28_x86_64"), None),
        (("linux_x86_64",), None),
        (("manylinux2010_x86_64",), "The file name promises manylinux2010_x86_64, but the content does not keep that."),
        (("manylinux_2_17_x86_64", "manylinux1_x86_64"), "The file name promises manylinux1_x86_64, but the content does not keep that."),
        (("manylinux_2_28_x86_64",), None),
        (("manylinux_2_28_x86_64", "musllinux_1_1_x86_64"), None),
        (("any",), "The file name says that the wheel is for any platform, but it holds native files."),
    ],
)
def test_disagreement(platforms: tuple[str, ...], text: str | None) -> None:
    assert promise_text(platforms, VERDICT) == text


def test_wheels_without_images() -> None:
    assert promise_text(("any",), None) is None
    assert promise_text(("linux_x86_64",), None) == "The file name says linux_x86_64, but there are no native files."


@pytest.mark.parametrize(
    ("platform", "text"),
    [
        ("macosx_10_9_universal2", "The file name promises macosx_10_9_universal2, but the content does not keep that."),
        ("macosx_10_13_universal2", None),
        ("macosx_11_0_universal2", None),
    ],
)
def test_a_macos_tag_is_for_its_system_and_newer_ones(platform: str, text: str | None) -> None:
    assert promise_text((platform,), Verdict(tag="macosx_10_13_universal2")) == text
