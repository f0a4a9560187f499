"""The platform tags that a repaired macOS wheel gets, and why a wish is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeimages import MadeHost, member
from mademacs import ARM, BOTH, INTEL, chosen, dylib, graph_of, module

from nativewheel.errors import LinkageError, UsageError
from nativewheel.formats.image import Arch, Dependency, Identity, Requirement
from nativewheel.linkage.macos import FIRST, archs_of, parse_version, release, version_of
from nativewheel.repair.macos_tags import choose, is_for_macos
from nativewheel.repair.options import RepairOptions
from nativewheel.wheel.names import WheelName

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.graph import Graph
    from nativewheel.repair.platform import Choice

SET = "macosx_10_9_universal2.macosx_10_9_x86_64.macosx_11_0_arm64"
SYSTEM = "/usr/lib/libSystem.B.dylib"

pytestmark = pytest.mark.usefixtures("no_library_path")


def decide(tags: str, graph: Graph, archs: tuple[Arch, ...], wish: RepairOptions | None = None) -> Choice:
    return choose(WheelName.parse(f"small-1.0-cp311-cp311-{tags}.whl"), archs, graph, wish or RepairOptions())


def choice(
    tags: str, *minimums: str | None, plat: str | None = None, only_plat: bool = False, target: str | None = None, archs: tuple[Arch, ...] = ()
) -> Choice:
    """Choose for one module; with two minimums the one for arm64 comes first."""
    archs = archs or (BOTH if len(minimums) > 1 else INTEL if tags.endswith("x86_64") else ARM)
    graph = graph_of(member("pkg/x.so", module(SYSTEM, archs=archs, minimums=minimums)), archs=archs)
    return decide(tags, graph, archs, RepairOptions(plat=plat, only_plat=only_plat, deployment_target=target))


class TestOfTheContent:
    @pytest.mark.parametrize(
        ("tag", "minimum", "new", "holds"),
        [
            ("macosx_11_0_arm64", "11.0", "macosx_11_0_arm64", True),
            ("macosx_11_0_arm64", "13.0", "macosx_13_0_arm64", False),
            ("macosx_14_0_arm64", "12.0", "macosx_12_0_arm64", True),
            ("macosx_11_0_arm64", "10.9", "macosx_11_0_arm64", True),
            ("macosx_10_9_x86_64", "10.13", "macosx_10_13_x86_64", False),
            ("macosx_10_9_x86_64", "10.4", "macosx_10_4_x86_64", True),
            ("macosx_10_9_x86_64", "10.2", "macosx_10_4_x86_64", True),
            ("macosx_10_9_x86_64", "10.15.7", "macosx_10_15_x86_64", False),
            ("macosx_12_0_arm64", None, "macosx_12_0_arm64", True),
        ],
    )
    def test_one_architecture(self, tag: str, minimum: str | None, new: str, holds: bool) -> None:  # noqa: FBT001
        found = choice(tag, minimum)
        assert (found.platforms, found.best, found.satisfied, found.external) == ((new,), (new,), holds, ())
        assert bool(found.warnings) is not holds

    @pytest.mark.parametrize(
        ("arm", "intel", "tags", "holds"),
        [
            ("11.0", "10.9", {"macosx_10_9_universal2"}, True),
            ("11.0", "10.13", {"macosx_10_13_universal2"}, False),
            ("13.0", "13.0", {"macosx_13_0_universal2"}, False),
            ("12.0", "10.9", {"macosx_10_9_x86_64", "macosx_12_0_arm64"}, False),
            (None, "10.9", {"macosx_10_9_universal2"}, True),
            ("12.0", None, {"macosx_10_9_x86_64", "macosx_12_0_arm64"}, False),
        ],
    )
    def test_two_architectures_share_a_tag_where_it_is_true_of_both(self, arm: str | None, intel: str | None, tags: set[str], holds: bool) -> None:  # noqa: FBT001
        found = choice("macosx_10_9_universal2", arm, intel)
        assert (set(found.platforms), found.satisfied) == (tags, holds)

    def test_several_tags_change_each_by_its_own_slices(self) -> None:
        found = choice(SET, "12.0", "10.9")
        assert found.platforms == ("macosx_10_9_x86_64", "macosx_12_0_arm64")
        assert [line.split(",")[0] for line in found.warnings] == [
            "the content does not allow the tag macosx_10_9_universal2",
            "the content does not allow the tag macosx_11_0_arm64",
        ]
        assert choice(SET, "11.0", "10.9").satisfied

    def test_one_for_an_architecture_that_nobody_knows_stays(self) -> None:
        found = choice("macosx_10_9_intel.macosx_10_9_x86_64", "10.13", archs=INTEL)
        assert found.platforms == ("macosx_10_13_x86_64", "macosx_10_9_intel")

    def test_the_image_that_raises_is_named(self) -> None:
        images = [member(f"pkg/{name}.so", module(minimums=(minimum,))) for name, minimum in (("a", "11.0"), ("b", "13.0"), ("c", "13.0"))]
        found = decide("macosx_11_0_arm64", graph_of(*images), ARM)
        assert found.warnings == (
            "the content does not allow the tag macosx_11_0_arm64, which becomes macosx_13_0_arm64: pkg/b.so, pkg/c.so needs macOS 13.0",
        )

    def test_that_of_the_architecture_that_is_raised(self) -> None:
        found = choice("macosx_10_9_universal2", "11.0", "10.13")
        assert [line.rpartition(": ")[2] for line in found.warnings] == ["pkg/x.so needs macOS 10.13"]

    def test_libraries_of_the_host_count(self, tmp_path: Path) -> None:
        host = MadeHost()
        path = host.put(tmp_path / "liba.dylib", dylib("@rpath/liba.dylib", minimums=("13.0",)))
        found = decide("macosx_11_0_arm64", graph_of(member("pkg/x.so", module("@rpath/liba.dylib")), host=host, lib_path=[tmp_path]), ARM)
        assert (found.platforms, found.external) == (("macosx_13_0_arm64",), (path,))
        assert "liba.dylib needs macOS 13.0" in found.warnings[0]

    def test_so_do_two_of_one_name(self, tmp_path: Path) -> None:
        host = MadeHost()
        for folder, minimum in (("new", "13.0"), ("old", "11.0")):
            host.put(tmp_path / folder / "liba.dylib", dylib("@rpath/liba.dylib", minimums=(minimum,)))
        users = [member(f"pkg/{folder}.so", module(f"{tmp_path}/{folder}/liba.dylib")) for folder in ("new", "old")]
        found = decide("macosx_11_0_arm64", graph_of(*users, host=host), ARM)
        assert (len(found.external), found.platforms) == (2, ("macosx_13_0_arm64",))

    def test_what_no_tag_can_say(self) -> None:
        found = choice("macosx_12_0_arm64", "12.3")
        assert (found.platforms, found.satisfied) == (("macosx_12_0_arm64",), True)
        assert found.warnings == ("pkg/x.so needs macOS 12.3 on arm64, and no tag says more than 12.0; MACOSX_DEPLOYMENT_TARGET=13.0 would",)
        assert choice("macosx_12_0_arm64", "12.3", target="13.0").warnings == ()
        assert len(choice("macosx_12_0_arm64", "12.3", target="12.4").warnings) == 1


class TestDeploymentTarget:
    @pytest.mark.parametrize(("target", "tag"), [("11.0", "macosx_11_0_arm64"), ("10.9", "macosx_11_0_arm64"), ("13.4.1", "macosx_13_0_arm64")])
    def test_it_raises_a_tag(self, target: str, tag: str) -> None:
        assert choice("macosx_11_0_arm64", "11.0", target=target).platforms == (tag,)

    def test_for_intel_it_may_be_older_than_for_arm(self) -> None:
        assert choice("macosx_11_0_universal2", "11.0", "10.9", target="10.13").platforms == ("macosx_10_13_universal2",)
        assert choice("macosx_10_9_universal2", "11.0", "10.9", target="12").platforms == ("macosx_12_0_universal2",)

    @pytest.mark.parametrize(("minimum", "target"), [("13.0", "12.0"), ("12.3", "12.2"), ("11.1", "10.15")])
    def test_content_for_a_newer_system_is_refused(self, minimum: str, target: str) -> None:
        with pytest.raises(LinkageError) as caught:
            choice("macosx_11_0_arm64", minimum, target=target)
        assert caught.value.message == f"pkg/x.so needs macOS {minimum} on arm64, and MACOSX_DEPLOYMENT_TARGET is {target}"
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl",)
        assert f"MACOSX_DEPLOYMENT_TARGET={minimum}" in (caught.value.hint or "")

    def test_so_it_is_on_one_of_two_architectures(self) -> None:
        with pytest.raises(LinkageError, match=r"pkg/x\.so needs macOS 10\.15 on x86_64"):
            choice("macosx_10_9_universal2", "11.0", "10.15", target="10.13")

    @pytest.mark.parametrize("text", ["eleven", "11.", ".11", "11,0", "-11", "11.0 ", "20260101", "\u0661\u0661.0"])
    def test_what_is_no_version_is_a_usage_error(self, text: str) -> None:
        with pytest.raises(UsageError, match="MACOSX_DEPLOYMENT_TARGET is no version of macOS"):
            choice("macosx_11_0_arm64", "11.0", target=text)

    @pytest.mark.parametrize("text", ["", None])
    def test_nothing_is_none(self, text: str | None) -> None:
        assert choice("macosx_11_0_arm64", "13.0", target=text).platforms == ("macosx_13_0_arm64",)


class TestWish:
    def test_it_is_granted_beside_the_best_tag_or_alone(self) -> None:
        found = choice("macosx_11_0_arm64", "12.0", plat="macosx_14_0_arm64")
        assert (found.platforms, found.best) == (("macosx_12_0_arm64", "macosx_14_0_arm64"), ("macosx_12_0_arm64",))
        assert choice("macosx_11_0_arm64", "12.0", plat="macosx_14_0_arm64", only_plat=True).platforms == ("macosx_14_0_arm64",)

    def test_a_wheel_that_has_it_is_satisfied(self) -> None:
        assert choice("macosx_12_0_arm64", "11.0", plat="macosx_12_0_arm64").satisfied
        assert not choice("macosx_11_0_arm64", "11.0", plat="macosx_12_0_arm64").satisfied

    def test_one_of_two_architectures(self) -> None:
        found = choice("macosx_10_9_universal2", "11.0", "10.9", plat="macosx_11_0_arm64", only_plat=True)
        assert found.platforms == ("macosx_11_0_arm64",)

    def test_for_both_an_old_intel_system_is_true_of_every_arm(self) -> None:
        assert choice("macosx_11_0_universal2", "11.0", "10.9", plat="macosx_10_9_universal2", only_plat=True).platforms == (
            "macosx_10_9_universal2",
        )

    @pytest.mark.parametrize(
        ("plat", "minimums", "needs"),
        [
            ("macosx_12_0_arm64", ("13.0",), "13.0"),
            ("macosx_10_9_universal2", ("12.0", "10.9"), "12.0"),
            ("macosx_10_9_universal2", ("11.0", "10.10"), "10.10"),
        ],
    )
    def test_what_the_content_does_not_allow_is_refused(self, plat: str, minimums: tuple[str, ...], needs: str) -> None:
        with pytest.raises(LinkageError) as caught:
            choice(plat, *minimums, plat=plat)
        assert caught.value.message == f"the content does not allow {plat}: pkg/x.so needs macOS {needs}"

    @pytest.mark.parametrize("plat", ["macosx_11_0_x86_64", "macosx_11_0_universal2", "macosx_11_0_ppc", "macosx_11_arm64", "macosx_12_3_arm64"])
    def test_a_tag_for_something_else_is_a_usage_error(self, plat: str) -> None:
        with pytest.raises(UsageError, match=f"--plat {plat} is not a tag for macOS on arm64") as caught:
            choice("macosx_11_0_arm64", "12.0", plat=plat)
        assert caught.value.hint == "such as macosx_12_0_arm64"

    @pytest.mark.parametrize(
        ("plat", "minimums", "tags"),
        [
            ("macosx_14_0", ("12.0",), {"macosx_14_0_arm64"}),
            ("macosx_14_0", ("12.0", "10.9"), {"macosx_14_0_universal2"}),
            ("macosx_10_9", ("11.0", "10.9"), {"macosx_10_9_universal2"}),
        ],
    )
    def test_its_architectures_may_be_left_out(self, plat: str, minimums: tuple[str, ...], tags: set[str]) -> None:
        found = choice("macosx_11_0_universal2" if len(minimums) > 1 else "macosx_11_0_arm64", *minimums, plat=plat, only_plat=True)
        assert set(found.platforms) == tags

    @pytest.mark.parametrize("plat", ["manylinux_2_28_aarch64", "win_arm64", "musllinux_1_2"])
    def test_a_tag_of_another_system_is_not_meant_for_this_wheel(self, plat: str) -> None:
        assert not is_for_macos(plat)
        assert choice("macosx_11_0_arm64", "11.0", plat=plat, only_plat=True) == choice("macosx_11_0_arm64", "11.0")


class TestSoundness:
    """Tags that are true may be those of a wheel whose images do not find each other."""

    @pytest.mark.parametrize(
        ("rpaths", "name", "sound"),
        [
            (("@loader_path/lib",), "@rpath/liba.dylib", True),
            ((), "@loader_path/lib/liba.dylib", True),
            (("@loader_path/lib", "/build/lib"), "@rpath/liba.dylib", False),
            ((), "@rpath/liba.dylib", False),
            ((), "/build/lib/liba.dylib", False),
        ],
    )
    def test_search_paths_and_links(self, rpaths: tuple[str, ...], name: str, sound: bool) -> None:  # noqa: FBT001
        library = member("pkg/lib/liba.dylib", dylib("@rpath/liba.dylib"))
        graph = graph_of(member("pkg/x.so", module(name, rpaths=rpaths)), library)
        found = decide("macosx_11_0_arm64", graph, ARM)
        assert (found.satisfied, found.platforms, found.warnings) == (sound, ("macosx_11_0_arm64",), ())

    def test_a_provider_s_library_is_nowhere_in_the_wheel(self) -> None:
        graph = graph_of(member("pkg/x.so", module("@rpath/liba.dylib")), choices=[chosen("@rpath/liba.dylib", ["_a"])])
        assert decide("macosx_11_0_arm64", graph, ARM).external == ()


class TestRefused:
    def test_libraries_that_are_missing(self, tmp_path: Path) -> None:
        host = MadeHost()
        host.put(tmp_path / "liba.dylib", dylib("@rpath/liba.dylib", "@rpath/libb.dylib"))
        names = ["@rpath/liba.dylib", *(f"/opt/{number}.dylib" for number in range(5))]
        graph = graph_of(member("pkg/x.so", module(*names)), host=host, lib_path=[tmp_path])
        with pytest.raises(LinkageError, match=r"6 libraries were not found: /opt/0\.dylib \(wanted by pkg/x\.so\)"):
            decide("macosx_11_0_arm64", graph, ARM)
        graph = graph_of(member("pkg/x.so", module(names[0])), host=host, lib_path=[tmp_path])
        with pytest.raises(LinkageError, match=r": a library was not found: @rpath/libb\.dylib \(wanted by liba\.dylib\)$") as caught:
            decide("macosx_11_0_arm64", graph, ARM)
        assert "every architecture of the wheel" in (caught.value.hint or "")

    def test_a_library_that_may_be_missing_is_none(self) -> None:
        weak = Dependency(name=Identity("@rpath/liba.dylib"), requirement=Requirement.WEAK)
        assert decide("macosx_11_0_arm64", graph_of(member("pkg/x.so", module(weak))), ARM).satisfied

    def test_frameworks_of_the_host(self, tmp_path: Path) -> None:
        host, name = MadeHost(), f"{tmp_path}/Qt.framework/Versions/A/Qt"
        host.put(tmp_path / "Qt.framework/Versions/A/Qt", dylib(name))
        user = member("pkg/x.so", module(name))
        with pytest.raises(LinkageError, match="which is part of a framework: its resources would be missing") as caught:
            decide("macosx_11_0_arm64", graph_of(user, host=host), ARM)
        assert caught.value.where == ("small-1.0-cp311-cp311-macosx_11_0_arm64.whl", "pkg/x.so")
        assert decide("macosx_11_0_arm64", graph_of(user, host=host, exclude=("*Qt*",)), ARM).external == ()

    def test_frameworks_of_the_system_of_python_and_of_the_wheel_are_no_problem(self) -> None:
        names = ["/System/Library/Frameworks/A.framework/A", "/Library/Frameworks/Python.framework/Versions/3.11/Python", "@rpath/Qt.framework/Qt"]
        own = member("pkg/lib/Qt.framework/Qt", dylib(names[2]))
        user = member("pkg/x.so", module(*names, rpaths=("@loader_path/lib",)))
        assert decide("macosx_11_0_arm64", graph_of(user, own), ARM).satisfied


def test_an_image_without_a_stated_minimum_says_nothing() -> None:
    images = [member("pkg/a.so", module(minimums=(None,))), member("pkg/b.so", replace(module(), minimums=("12.0",)))]
    assert decide("macosx_14_0_arm64", graph_of(*images), ARM).platforms == ("macosx_12_0_arm64",)


VERSIONS = st.sampled_from(["10.4", "10.9", "10.13.6", "11.0", "11.3", "12.0", "13.1", "26.0"])
TAGGED = st.builds(
    lambda version, word: f"macosx_{version}_{word}",
    st.sampled_from(["10_4", "10_9", "11_0", "12_0", "26_0"]),
    st.sampled_from(["arm64", "x86_64", "universal2"]),
)


@given(st.lists(TAGGED, min_size=1, max_size=3, unique=True), st.tuples(VERSIONS, VERSIONS), st.none() | VERSIONS)
def test_the_tags_are_true_promise_the_same_machines_and_stay(tags: list[str], minimums: tuple[str, str], target: str | None) -> None:
    archs = tuple(sorted({arch for tag in tags for arch in archs_of(tag)}))
    graph = graph_of(member("pkg/x.so", module(SYSTEM, archs=BOTH, minimums=minimums)), archs=archs)
    wish = RepairOptions(deployment_target=target)
    needs = {arch: max(FIRST[arch], parse_version(minimum)) for arch, minimum in zip(BOTH, minimums, strict=True) if arch in archs}
    if target and any(version > max(parse_version(target), FIRST[arch]) for arch, version in needs.items()):
        with pytest.raises(LinkageError):
            decide(".".join(tags), graph, archs, wish)
        return
    found = decide(".".join(tags), graph, archs, wish)
    assert {arch for tag in found.platforms for arch in archs_of(tag)} == {*archs}
    for tag in found.platforms:
        assert all(release(needs[arch]) <= max(version_of(tag), FIRST[arch]) for arch in archs_of(tag))
        assert version_of(tag) == release(version_of(tag))
    assert found.satisfied is all(release(needs[arch]) <= max(version_of(tag), FIRST[arch]) for tag in tags for arch in archs_of(tag))
    again = decide(".".join(found.platforms), graph, archs, wish)
    assert (again.platforms, again.satisfied) == (found.platforms, True)
