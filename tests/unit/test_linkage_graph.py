"""Where dependencies lead: the order of the places, exclusion, and libraries that have several names or places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, extension, graph_of, library, member
from mademacs import dylib, module
from mademacs import graph_of as mac_graph

from nativewheel.formats.image import Dependency, Identity, Requirement
from nativewheel.linkage.graph import Graph, Link, Reach
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage

pytestmark = pytest.mark.usefixtures("no_library_path")


def links(graph: Graph, source: str | Path) -> dict[str, Link]:
    return {str(link.name): link for link in graph.links[Member(source) if isinstance(source, str) else source]}


def only(graph: Graph, source: str | Path = "pkg/_x.so") -> Link:
    (link,) = links(graph, source).values()
    return link


def put(host: MadeHost, folder: Path, name: str, *needed: str, content: str | None = None) -> Path:
    return host.put(folder / name, library(name, *needed), content=content)


class TestOrder:
    """Excluded, then the same wheel, then the platform, then the host."""

    def test_excluded_before_the_wheel(self, host: MadeHost) -> None:
        images = member("pkg/_x.so", extension("libfoo.so.1")), member("pkg/libfoo.so.1", library("libfoo.so.1"))
        assert only(graph_of(host, *images)).reach is Reach.MEMBER
        graph = graph_of(host, *images, exclude=("libfoo.*",))
        assert only(graph).reach is Reach.EXCLUDED
        assert graph.matched == {"libfoo.*"}

    def test_the_wheel_before_the_host(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path, "libfoo.so.1")
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so.1")), member("lib/libfoo.so.1", library(None)), lib_path=[tmp_path])
        assert (only(graph).member, only(graph).reachable) == ("lib/libfoo.so.1", False)
        assert graph.libraries == {}

    def test_the_platform_before_the_host(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path, "libz.so.1")
        graph = graph_of(host, member("pkg/_x.so", extension("libz.so.1", "ld-linux-x86-64.so.2")), lib_path=[tmp_path])
        assert {link.reach for link in graph.links[Member("pkg/_x.so")]} == {Reach.PLATFORM}

    def test_a_copy_of_a_system_library_is_used_only_where_a_search_path_leads(self, host: MadeHost) -> None:
        copy = member("pkg/libstdc++.so.6", library("libstdc++.so.6"))
        assert only(graph_of(host, member("pkg/_x.so", extension("libstdc++.so.6")), copy)).reach is Reach.PLATFORM
        led = graph_of(host, member("pkg/_x.so", extension("libstdc++.so.6", rpaths=("$ORIGIN",))), copy)
        assert (only(led).reach, only(led).reachable) == (Reach.MEMBER, True)

    def test_what_only_some_policies_promise_is_looked_for(self, host: MadeHost, tmp_path: Path) -> None:
        path = put(host, tmp_path, "libexpat.so.1")
        graph = graph_of(host, member("pkg/_x.so", extension("libexpat.so.1")), lib_path=[tmp_path])
        assert (only(graph).reach, only(graph).path) == (Reach.HOST, path)

    def test_libpython_is_the_interpreters_unless_it_is_excluded_or_in_the_wheel(self, host: MadeHost, tmp_path: Path) -> None:
        name = "libpython3.11.so.1.0"
        put(host, tmp_path, name)
        image = member("pkg/_x.so", extension(name))
        assert only(graph_of(host, image, lib_path=[tmp_path])).reach is Reach.INTERPRETER
        assert only(graph_of(host, image, exclude=("libpython*",))).reach is Reach.EXCLUDED
        assert only(graph_of(host, image, member(f"pkg/{name}", library(name)))).reach is Reach.MEMBER

    def test_nowhere(self, host: MadeHost) -> None:
        assert only(graph_of(host, member("pkg/_x.so", extension("libnone.so.1")))).reach is Reach.NOWHERE


class TestInTheWheel:
    def reach(self, asker: WheelImage, *others: WheelImage) -> tuple[str | None, bool]:
        link = only(graph_of(MadeHost(), asker, *others), asker.member)
        return link.member, link.reachable

    def test_the_search_path_of_the_asker_decides(self) -> None:
        copies = [member(f"{folder}/libfoo.so.1", library("libfoo.so.1")) for folder in ("a", "b", "pkg")]
        asker = member("pkg/_x.so", extension("libfoo.so.1", rpaths=("/opt", "$ORIGIN/none", "$ORIGIN/../b", "$ORIGIN")))
        assert self.reach(asker, *copies) == ("b/libfoo.so.1", True)

    def test_without_search_path_the_copy_beside_the_asker_is_meant(self) -> None:
        copies = [member(f"{folder}/libfoo.so.1", library("libfoo.so.1")) for folder in ("a", "pkg")]
        assert self.reach(member("pkg/_x.so", extension("libfoo.so.1")), *copies) == ("pkg/libfoo.so.1", False)

    def test_of_several_copies_elsewhere_code_chooses_one(self) -> None:
        copies = [member(f"{folder}/libfoo.so.1", library("libfoo.so.1")) for folder in ("a", "b")]
        assert self.reach(member("pkg/_x.so", extension("libfoo.so.1")), *copies) == ("a/libfoo.so.1", True)

    def test_a_soname_finds_a_file_of_another_name(self) -> None:
        assert self.reach(member("pkg/_x.so", extension("libfoo.so.1")), member("pkg/libfoo.so", library("libfoo.so.1"))) == ("pkg/libfoo.so", False)

    def test_scripts_and_data_have_no_place_to_search(self) -> None:
        program = member("s-1.data/scripts/prog", extension("libfoo.so.1", rpaths=("$ORIGIN",)), installed=False)
        hidden = member("s-1.data/data/libfoo.so.1", library("libfoo.so.1"), installed=False)
        assert self.reach(program, member("pkg/libfoo.so.1", library("libfoo.so.1"))) == ("pkg/libfoo.so.1", False)
        assert self.reach(program, hidden) == (None, True)

    def test_an_absolute_or_relative_name_is_no_member(self) -> None:
        other = member("libfoo.so.1", library("libfoo.so.1"))
        for name in ("/libfoo.so.1", "./libfoo.so.1", "../libfoo.so.1"):
            assert self.reach(member("_x.so", extension(name, rpaths=("$ORIGIN",))), other) == (None, True)


class TestExclusion:
    def test_a_resolved_path_is_matched_with_and_without_links(self, host: MadeHost, tmp_path: Path) -> None:
        real = put(host, tmp_path / "real", "libfoo.so.1.2")
        (tmp_path / "links").mkdir()
        (tmp_path / "links/libfoo.so.1").symlink_to(real)
        image = member("pkg/_x.so", extension("libfoo.so.1"))
        for glob in ("*/real/*", "*/links/*", str(real)):
            graph = graph_of(host, image, lib_path=[tmp_path / "links"], exclude=(glob, "*/other/*"))
            assert only(graph).reach is Reach.EXCLUDED
            assert graph.libraries == {}
            assert graph.matched == {glob}

    def test_the_subtree_of_an_excluded_library_is_not_followed(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path, "libtop.so.1", "libmiddle.so.1", "libshared.so.1")
        put(host, tmp_path, "libmiddle.so.1", "libbottom.so.1", "libmissing.so.1")
        put(host, tmp_path, "libbottom.so.1")
        shared = put(host, tmp_path, "libshared.so.1")
        image = member("pkg/_x.so", extension("libtop.so.1", "libshared.so.1"))
        assert set(graph_of(host, image, lib_path=[tmp_path], exclude=("libmiddle*",)).libraries) == {tmp_path / "libtop.so.1", shared}
        assert set(graph_of(host, image, lib_path=[tmp_path], exclude=("*/libtop*",)).libraries) == {shared}

    def test_case_counts_and_a_star_crosses_folders(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path / "a/b", "libfoo.so.1")
        image = member("pkg/_x.so", extension("libfoo.so.1"))
        assert only(graph_of(host, image, lib_path=[tmp_path / "a/b"], exclude=("LIBFOO*",))).reach is Reach.HOST
        assert only(graph_of(host, image, lib_path=[tmp_path / "a/b"], exclude=(f"{tmp_path}/*.so.1",))).reach is Reach.EXCLUDED

    def test_allowing_a_missing_library_does_not_exclude_one_that_is_there(self, host: MadeHost, tmp_path: Path) -> None:
        path = put(host, tmp_path, "libfoo.so.1")
        image = member("pkg/_x.so", extension("libfoo.so.1", "libgone.so.1"))
        graph = graph_of(host, image, lib_path=[tmp_path], allow_missing=("lib*", "libfoo*"))
        found = links(graph, "pkg/_x.so")
        assert (found["libfoo.so.1"].reach, found["libfoo.so.1"].path) == (Reach.HOST, path)
        assert found["libgone.so.1"].reach is Reach.EXCLUDED
        assert graph.matched == {"lib*"}


class TestOnTheHost:
    def test_one_file_asked_for_under_two_names_is_one_library(self, host: MadeHost, tmp_path: Path) -> None:
        path = put(host, tmp_path, "libfoo.so.1")
        (tmp_path / "libfoo.so").symlink_to("libfoo.so.1")
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so", "libfoo.so.1")), lib_path=[tmp_path])
        assert [link.path for link in graph.links[Member("pkg/_x.so")]] == [path, path]
        assert list(graph.libraries) == [path]

    def test_an_absolute_name_leads_to_the_file(self, host: MadeHost, tmp_path: Path) -> None:
        path = put(host, tmp_path, "libfoo.so.1")
        assert only(graph_of(host, member("pkg/_x.so", extension(str(path))))).path == path
        assert only(graph_of(host, member("pkg/_x.so", extension(str(path))), exclude=(str(path),))).reach is Reach.EXCLUDED

    def test_each_asker_gets_the_library_that_its_own_search_path_leads_to(self, host: MadeHost, tmp_path: Path) -> None:
        old, new = (put(host, tmp_path / folder, "libfoo.so.1") for folder in ("old", "new"))
        images = [member(f"pkg/_{path.parent.name}.so", extension("libfoo.so.1", rpaths=(str(path.parent),))) for path in (old, new)]
        graph = graph_of(host, *images)
        assert (only(graph, "pkg/_old.so").path, only(graph, "pkg/_new.so").path) == (old, new)

    def test_rpath_reaches_the_dependencies_of_dependencies_and_runpath_does_not(self, host: MadeHost, tmp_path: Path) -> None:
        top = put(host, tmp_path, "libtop.so.1", "libdeep.so.1")
        deep = put(host, tmp_path, "libdeep.so.1")
        for inherited, reach in ((True, Reach.HOST), (False, Reach.NOWHERE)):
            graph = graph_of(host, member("pkg/_x.so", extension("libtop.so.1", rpaths=(str(tmp_path),), inherited=inherited)))
            assert only(graph, top).reach is reach
        assert deep in host.made

    def test_origin_of_a_linked_library_is_where_it_was_found_first(self, host: MadeHost, tmp_path: Path) -> None:
        top = host.put(tmp_path / "real/libtop.so.1", library("libtop.so.1", "libdeep.so.1", rpaths=("$ORIGIN",)))
        (tmp_path / "links").mkdir()
        (tmp_path / "links/libtop.so.1").symlink_to(top)
        deep = put(host, tmp_path / "links", "libdeep.so.1")
        graph = graph_of(host, member("pkg/_x.so", extension("libtop.so.1")), lib_path=[tmp_path / "links"])
        assert only(graph, top).path == deep

    def test_a_cycle_ends(self, host: MadeHost, tmp_path: Path) -> None:
        one = put(host, tmp_path, "libone.so", "libtwo.so")
        two = put(host, tmp_path, "libtwo.so", "libone.so", "libtwo.so")
        graph = graph_of(host, member("pkg/_x.so", extension("libone.so")), lib_path=[tmp_path])
        assert list(graph.libraries) == [one, two]
        assert [link.path for link in graph.links[two]] == [one, two]

    def test_a_library_of_the_host_may_need_one_of_the_wheel(self, host: MadeHost, tmp_path: Path) -> None:
        top = put(host, tmp_path, "libtop.so.1", "libown.so.1")
        images = member("pkg/_x.so", extension("libtop.so.1")), member("pkg/libown.so.1", library("libown.so.1"))
        link = only(graph_of(host, *images, lib_path=[tmp_path]), top)
        assert (link.member, link.reachable) == ("pkg/libown.so.1", False)

    def test_an_added_library_has_the_folder_of_its_source_as_origin(self, host: MadeHost, tmp_path: Path) -> None:
        deep = put(host, tmp_path, "libdeep.so.1")
        added = member("s.libs/libtop.so.1", library("libtop.so.1", "libdeep.so.1", rpaths=("$ORIGIN",)), source=tmp_path / "libtop.so.1")
        assert only(graph_of(host, added), added.member).path == deep


def test_the_order_of_images_does_not_matter_for_what_is_found(host: MadeHost, tmp_path: Path) -> None:
    put(host, tmp_path, "liba.so", "libb.so")
    put(host, tmp_path, "libb.so")
    images = [member("pkg/_x.so", extension("libb.so")), member("pkg/_y.so", extension("liba.so", "libc.so.6"))]
    one, other = graph_of(host, *images, lib_path=[tmp_path]), graph_of(host, *reversed(images), lib_path=[tmp_path])
    assert (one.images, one.libraries, one.links) == (other.images, other.libraries, other.links)


class TestMacOS:
    FOO = Identity("@rpath/libfoo.dylib")

    @pytest.mark.parametrize("requirement", list(Requirement))
    def test_only_a_weak_dependency_may_be_nowhere(self, requirement: Requirement) -> None:
        found = mac_graph(member("pkg/x.so", module(Dependency(name=self.FOO, requirement=requirement))))
        assert only(found, "pkg/x.so").reach is (Reach.EXCLUDED if requirement is Requirement.WEAK else Reach.NOWHERE)

    def test_one_that_is_there_is_taken_all_the_same(self, host: MadeHost, tmp_path: Path) -> None:
        weak = module(Dependency(name=self.FOO, requirement=Requirement.WEAK))
        path = host.put(tmp_path / "libfoo.dylib", dylib(self.FOO))
        assert only(mac_graph(member("pkg/x.so", weak), host=host, lib_path=[tmp_path]), "pkg/x.so").path == path
        own = member("pkg/libfoo.dylib", dylib(self.FOO))
        assert only(mac_graph(member("pkg/x.so", weak), own, host=host, lib_path=[tmp_path]), "pkg/x.so").member == own.member

    def test_the_system_before_a_copy_that_no_name_leads_to(self) -> None:
        copy, name = member("pkg/libz.1.dylib", dylib("/usr/lib/libz.1.dylib")), "/usr/lib/libz.1.dylib"
        assert only(mac_graph(member("pkg/x.so", module(name)), copy), "pkg/x.so").reach is Reach.PLATFORM
        asked = mac_graph(member("pkg/x.so", module("@loader_path/libz.1.dylib")), copy)
        assert only(asked, "pkg/x.so").reach is Reach.MEMBER

    def test_exclusion_goes_by_the_name_the_file_name_or_the_place(self, host: MadeHost, tmp_path: Path) -> None:
        path = host.put(tmp_path / "libfoo.dylib", dylib(self.FOO))
        for glob in (self.FOO, "libfoo*", str(path)):
            found = mac_graph(member("pkg/x.so", module(self.FOO)), host=host, lib_path=[tmp_path], exclude=(glob,))
            assert (only(found, "pkg/x.so").reach, set(found.matched)) == (Reach.EXCLUDED, {glob})
        found = mac_graph(member("pkg/x.so", module(self.FOO)), host=host, lib_path=[tmp_path], exclude=("*/libbar.dylib", "foo*"))
        assert (only(found, "pkg/x.so").reach, found.matched) == (Reach.HOST, frozenset())

    def test_the_interpreter_comes_after_the_wheel(self) -> None:
        name = "@rpath/libpython3.11.dylib"
        own = member("pkg/libpython3.11.dylib", dylib(name))
        assert only(mac_graph(member("pkg/x.so", module(name))), "pkg/x.so").reach is Reach.INTERPRETER
        assert only(mac_graph(member("pkg/x.so", module(name)), own), "pkg/x.so").reach is Reach.MEMBER
