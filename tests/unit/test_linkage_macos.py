"""Which macOS tag the content of a wheel allows."""

from __future__ import annotations

import pytest

from nativewheel.formats.image import Arch, Format, Image, Kind
from nativewheel.linkage.macos import archs_named, archs_of, floors, parse_version, release, spelled, tags, verdict, version_of, written

ARM, INTEL, BOTH = (Arch.AARCH64,), (Arch.X86_64,), (Arch.AARCH64, Arch.X86_64)


def image(minimum: str | None, archs: tuple[Arch, ...] = BOTH, minimums: tuple[str | None, ...] = ()) -> Image:
    return Image(format=Format.MACHO, archs=archs, kind=Kind.LIBRARY, identity=None, dependencies=(), minimum_os=minimum, minimums=minimums)


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


@pytest.mark.parametrize(
    ("text", "version", "tagged"),
    [
        ("11", (11, 0), (11, 0)),
        ("11.3", (11, 3), (11, 0)),
        ("10.15.7", (10, 15), (10, 15)),
        ("10", (10, 0), (10, 0)),
        ("26.0.1", (26, 0), (26, 0)),
    ],
)
def test_versions(text: str, version: tuple[int, ...], tagged: tuple[int, ...]) -> None:
    assert parse_version(text) == version
    assert release(version) == tagged
    assert parse_version(written(version)) == version


@pytest.mark.parametrize(("word", "archs"), [("arm64", ARM), ("x86_64", INTEL), ("universal2", BOTH), ("aarch64", ()), ("", ())])
def test_words_for_architectures(word: str, archs: tuple[Arch, ...]) -> None:
    assert archs_named(word) == archs
    assert archs_of(f"macosx_11_0_{word}") == archs


@pytest.mark.parametrize(("tag", "version"), [("macosx_10_9_x86_64", (10, 9)), ("macosx_11_0_arm64", (11, 0)), ("macosx_26_0_universal2", (26, 0))])
def test_the_version_of_a_tag(tag: str, version: tuple[int, ...]) -> None:
    assert version_of(tag) == version
    assert tags(dict.fromkeys(archs_of(tag), version)) == (tag,)


@pytest.mark.parametrize(
    ("arm", "intel", "expected"),
    [
        ((11, 0), (10, 9), ("macosx_10_9_universal2",)),
        ((11, 0), (11, 0), ("macosx_11_0_universal2",)),
        ((12, 0), (12, 0), ("macosx_12_0_universal2",)),
        ((12, 0), (10, 9), ("macosx_10_9_x86_64", "macosx_12_0_arm64")),
        ((12, 0), (13, 0), ("macosx_12_0_arm64", "macosx_13_0_x86_64")),
    ],
)
def test_one_tag_for_both_where_it_is_true(arm: tuple[int, ...], intel: tuple[int, ...], expected: tuple[str, ...]) -> None:
    assert tags({Arch.AARCH64: arm, Arch.X86_64: intel}) == tags({Arch.X86_64: intel, Arch.AARCH64: arm}) == expected


class TestFloors:
    def test_each_architecture_has_its_own(self) -> None:
        found = floors([("a", image("11.0", minimums=("12.3", "10.9"))), ("b", image("11.0", minimums=("11.0", "10.13.6")))], BOTH)
        assert {arch: (floor.exact, floor.release, floor.needed_by) for arch, floor in found.items()} == {
            Arch.AARCH64: ((12, 3), (12, 0), ("a",)),
            Arch.X86_64: ((10, 13), (10, 13), ("b",)),
        }

    def test_slices_that_the_wheel_does_not_promise_do_not_count(self) -> None:
        assert list(floors([("a", image("13.0", minimums=("13.0", "10.9")))], INTEL)) == [Arch.X86_64]
        thin = image("13.0", INTEL, ("13.0",))
        assert floors([("a", thin)], ARM) == {}

    def test_no_statement_is_no_floor(self) -> None:
        assert floors([("a", image(None, minimums=(None, "10.9")))], BOTH).keys() == {Arch.X86_64}

    def test_nothing_runs_before_the_first_system_for_its_processor(self) -> None:
        found = floors([("a", image("10.2", minimums=("10.9", "10.2")))], BOTH)
        assert {arch: floor.exact for arch, floor in found.items()} == {Arch.AARCH64: (11, 0), Arch.X86_64: (10, 4)}

    def test_names_may_be_equal(self) -> None:
        same = [("a", image("12.0", ARM, (minimum,))) for minimum in ("13.0", "11.0", "13.0")]
        found = floors(same, ARM)[Arch.AARCH64]
        assert (found.exact, found.needed_by) == ((13, 0), ("a",))
