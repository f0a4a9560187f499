"""Which macOS tag the content of a wheel allows."""

from __future__ import annotations

import pytest

from nativewheel.formats.image import Arch, Format, Image, Kind
from nativewheel.linkage.macos import archs_of, spelled, verdict

ARM, INTEL, BOTH = (Arch.AARCH64,), (Arch.X86_64,), (Arch.AARCH64, Arch.X86_64)


def image(minimum: str | None, archs: tuple[Arch, ...] = BOTH) -> Image:
    return Image(format=Format.MACHO, archs=archs, kind=Kind.LIBRARY, identity=None, dependencies=(), minimum_os=minimum)


@pytest.mark.parametrize(
    ("platform", "archs"),
    [
        ("macosx_11_0_arm64", ARM),
        ("macosx_10_9_x86_64", INTEL),
        ("macosx_10_13_universal2", BOTH),
        ("macosx_10_6_intel", ()),
        ("macosx_11_0", ()),
        ("linux_x86_64", ()),
    ],
)
def test_what_a_tag_promises(platform: str, archs: tuple[Arch, ...]) -> None:
    assert archs_of(platform) == archs


def test_processors_have_the_names_that_macos_gives_them() -> None:
    assert [spelled(arch) for arch in (*BOTH, Arch.PPC64)] == ["arm64", "x86_64", "ppc64"]


@pytest.mark.parametrize(
    ("minimums", "archs", "tag"),
    [
        (["10.9", "10.13"], INTEL, "macosx_10_13_x86_64"),
        (["10.9", "10.13"], BOTH, "macosx_10_13_universal2"),
        (["11.0"], ARM, "macosx_11_0_arm64"),
        (["10.9"], ARM, "macosx_11_0_arm64"),
        (["12.3", "11.0"], ARM, "macosx_12_0_arm64"),
        (["14"], INTEL, "macosx_14_0_x86_64"),
        (["10.15.4"], INTEL, "macosx_10_15_x86_64"),
        ([None], INTEL, "macosx_10_4_x86_64"),
        ([None, "26.0"], BOTH, "macosx_26_0_universal2"),
    ],
)
def test_the_newest_minimum_makes_the_tag(minimums: list[str | None], archs: tuple[Arch, ...], tag: str) -> None:
    assert verdict({f"{number}.so": image(minimum) for number, minimum in enumerate(minimums)}, archs).tag == tag


def test_what_keeps_a_wheel_from_an_older_system() -> None:
    found = verdict({"a.so": image("11.0"), "b.so": image("13.0"), "c.so": image("12.0"), "d.so": image("13.1")}, ARM)
    assert (found.tag, found.better) == ("macosx_13_0_arm64", ("macosx_12_0_arm64", "macosx_11_0_arm64"))
    assert [(blocker.member, blocker.tag, blocker.needs) for blocker in found.blockers] == [
        ("b.so", "macosx_12_0_arm64", "macOS 13.0"),
        ("d.so", "macosx_12_0_arm64", "macOS 13.0"),
    ]


def test_nothing_keeps_images_of_one_minimum() -> None:
    found = verdict({"a.so": image("11.0"), "b.so": image("11.0")}, ARM)
    assert (found.better, found.blockers) == ((), ())
