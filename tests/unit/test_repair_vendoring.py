"""Which libraries are copied, how they are called, and how they are edited."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import mademacs
import pytest
from madeimages import MadeHost, extension, graph_of, library, member

from nativewheel.errors import LinkageError
from nativewheel.repair.references import Referrer, references, without_libpython
from nativewheel.repair.vendoring import Vendored, member_folders, name_vendored, used_globs, vendored_libraries
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

    from nativewheel.linkage.graph import Graph
    from nativewheel.repair.plan import VendoredLibrary

pytestmark = pytest.mark.usefixtures("no_library_path")


def put(host: MadeHost, folder: Path, name: str, *needed: str, content: str | None = None) -> Path:
    return host.put(folder / name, library(name, *needed), content=content or f"content of {name}")


def vendor(
    graph: Graph, host: MadeHost, *, folder: str = "s.libs", no_mangle: tuple[str, ...] = (), strip: bool = False
) -> tuple[Vendored, tuple[VendoredLibrary, ...]]:
    vendored = name_vendored(graph.libraries, graph, host, folder=folder, no_mangle=no_mangle, strip=strip, exported={})
    return vendored, vendored_libraries(vendored, graph, host, strip=strip)


def chain(host: MadeHost, folder: Path, *, inner: str = "inner") -> Graph:
    put(host, folder, "libouter.so.2", "libinner.so.1")
    put(host, folder, "libinner.so.1", content=inner)
    return graph_of(host, member("pkg/_x.so", extension("libouter.so.2")), lib_path=[folder])


def replaced(vendored: Vendored, graph: Graph, name: str) -> tuple[tuple[str, str], ...]:
    user = graph.images[Member(name)]
    return vendored.replacements(graph.links[user.member], user.image, "pkg")


def new_names(graph: Graph, name: str) -> tuple[tuple[str, str], ...]:
    user = graph.images[Member(name)]
    return references(Referrer(image=user.image, folder="pkg", links=graph.links[user.member], imports=()), graph, {}).replace


def stem(name: str) -> str:
    return re.sub("-[0-9a-f]{8}", "", name)


def test_a_chain_is_copied_renamed_and_linked(host: MadeHost, tmp_path: Path) -> None:
    graph = chain(host, tmp_path)
    vendored, (inner, outer) = vendor(graph, host)
    assert [stem(item.member) for item in (inner, outer)] == ["s.libs/libinner.so.1", "s.libs/libouter.so.2"]
    assert (inner.source, inner.names, inner.size, inner.sha256) == (
        tmp_path / "libinner.so.1",
        ("libinner.so.1",),
        5,
        host.sha256(tmp_path / "libinner.so.1"),
    )
    inner_name, outer_name = (vendored.files[item.source] for item in (inner, outer))
    assert (inner.edit.identity, inner.edit.replace, inner.edit.rpaths) == (inner_name, (), None)
    assert (outer.edit.identity, outer.edit.replace, outer.edit.rpaths) == (outer_name, (("libinner.so.1", inner_name),), ("$ORIGIN",))
    assert replaced(vendored, graph, "pkg/_x.so") == (("libouter.so.2", outer_name),)


def test_a_search_path_of_the_host_is_dropped_from_a_copy(host: MadeHost, tmp_path: Path) -> None:
    host.put(tmp_path / "libfoo.so", library("libfoo.so", rpaths=("/opt",)))
    _, (copy,) = vendor(graph_of(host, member("pkg/_x.so", extension("libfoo.so")), lib_path=[tmp_path]), host)
    assert copy.edit.rpaths == ()


def test_one_of_macos_stays_in_a_copy(host: MadeHost, tmp_path: Path) -> None:
    host.put(tmp_path / "libfoo.dylib", mademacs.dylib("@rpath/libfoo.dylib", rpaths=("/opt/homebrew/lib", "/usr/lib/swift")))
    graph = mademacs.graph_of(member("pkg/_x.so", mademacs.module("@rpath/libfoo.dylib")), host=host, lib_path=[tmp_path])
    _, (copy,) = vendor(graph, host)
    assert copy.edit.rpaths == ("/usr/lib/swift",)


def test_libpython_is_taken_out_of_a_copy(host: MadeHost, tmp_path: Path) -> None:
    put(host, tmp_path, "libfoo.so", "libpython3.11.so.1.0")
    graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so")), lib_path=[tmp_path])
    _, (copy,) = vendor(graph, host)
    assert copy.edit.remove == without_libpython(graph.links[tmp_path / "libfoo.so"]) == ("libpython3.11.so.1.0",)


class TestSameFile:
    def test_two_names_for_one_file(self, host: MadeHost, tmp_path: Path) -> None:
        path = put(host, tmp_path, "libfoo.so.1")
        (tmp_path / "libfoo.so").symlink_to(path)
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so", "libfoo.so.1")), lib_path=[tmp_path])
        vendored, (copy,) = vendor(graph, host)
        assert copy.names == ("libfoo.so", "libfoo.so.1")
        name = vendored.files[path]
        assert replaced(vendored, graph, "pkg/_x.so") == (("libfoo.so", name), ("libfoo.so.1", name))

    def test_two_files_with_one_content(self, host: MadeHost, tmp_path: Path) -> None:
        one = host.put(tmp_path / "a/libfoo.so", library("libfoo.so.1"), content="same")
        two = host.put(tmp_path / "b/libfoo.so.1", library("libfoo.so.1"), content="same")
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so", "libfoo.so.1")), lib_path=[tmp_path / "a", tmp_path / "b"])
        vendored, (copy,) = vendor(graph, host)
        assert copy.source == two  # the one that is named as its SONAME
        assert copy.names == ("libfoo.so", "libfoo.so.1")
        assert vendored.files[one] == vendored.files[two]

    def test_two_libraries_with_one_soname_are_both_copied(self, host: MadeHost, tmp_path: Path) -> None:
        old, new = (put(host, tmp_path / folder, "libfoo.so.1", content=folder) for folder in ("old", "new"))
        images = [member(f"pkg/_{path.parent.name}.so", extension("libfoo.so.1", rpaths=(str(path.parent),))) for path in (old, new)]
        graph = graph_of(host, *images)
        vendored, copies = vendor(graph, host)
        assert {copy.source for copy in copies} == {old, new}
        assert [replaced(vendored, graph, image.member) for image in images] == [(("libfoo.so.1", vendored.files[path]),) for path in (old, new)]
        assert vendored.files[old] != vendored.files[new]


class TestNames:
    def name(self, host: MadeHost, graph: Graph, soname: str, *, no_mangle: tuple[str, ...] = (), strip: bool = False) -> str:
        vendored, _ = vendor(graph, host, no_mangle=no_mangle, strip=strip)
        return next(name for path, name in vendored.files.items() if path.name == soname)

    def test_equal_libraries_of_two_hosts_get_equal_names(self, tmp_path: Path) -> None:
        one, two = MadeHost(), MadeHost()
        first, second = chain(one, tmp_path / "one"), chain(two, tmp_path / "two")
        for soname in ("libouter.so.2", "libinner.so.1"):
            assert self.name(one, first, soname) == self.name(two, second, soname)

    def test_a_change_deep_down_changes_the_names_above(self, tmp_path: Path) -> None:
        one, two = MadeHost(), MadeHost()
        first, second = chain(one, tmp_path / "one"), chain(two, tmp_path / "two", inner="changed")
        for soname in ("libouter.so.2", "libinner.so.1"):
            assert self.name(one, first, soname) != self.name(two, second, soname)

    def test_options_that_change_the_bytes_change_the_name(self, host: MadeHost, tmp_path: Path) -> None:
        graph = chain(host, tmp_path)
        names = {
            self.name(host, graph, "libouter.so.2"),
            self.name(host, graph, "libouter.so.2", strip=True),
            self.name(host, graph, "libouter.so.2", no_mangle=("libinner*",)),
        }
        assert len(names) == 3

    def test_the_way_to_a_library_of_the_wheel_is_in_the_bytes_and_so_in_the_name(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path, "libfoo.so", "libown.so")
        images = member("pkg/_x.so", extension("libfoo.so")), member("pkg/libown.so", library("libown.so"))
        graph = graph_of(host, *images, lib_path=[tmp_path])
        near, (copy,) = vendor(graph, host, folder="s.libs")
        far, (other,) = vendor(graph, host, folder="deep/s.libs")
        assert (copy.edit.rpaths, other.edit.rpaths) == (("$ORIGIN/../pkg",), ("$ORIGIN/../../pkg",))
        assert near.files != far.files

    def test_who_uses_which_of_two_neighbours_of_one_name_is_in_the_name(self, tmp_path: Path) -> None:
        names = []
        for crossed in (False, True):
            host, folder = MadeHost(), tmp_path / str(crossed)
            for side, other in (("a", "b"), ("b", "a")):
                host.put(folder / side / "libq.so.1", library("libq.so.1"), content=f"q {side}")
                where = str(folder / (other if crossed else side))
                host.put(folder / f"lib{side}.so", library(f"lib{side}.so", "libq.so.1", rpaths=(where,)), content=f"user {side}")
            host.put(folder / "libtop.so", library("libtop.so", "liba.so", "libb.so"), content="top")
            graph = graph_of(host, member("pkg/_x.so", extension("libtop.so")), lib_path=[folder])
            assert len(graph.libraries) == 5
            names.append(self.name(host, graph, "libtop.so"))
        assert names[0] != names[1]

    def test_a_cycle_has_names(self, host: MadeHost, tmp_path: Path) -> None:
        put(host, tmp_path, "libone.so", "libtwo.so")
        put(host, tmp_path, "libtwo.so", "libone.so")
        graph = graph_of(host, member("pkg/_x.so", extension("libone.so")), lib_path=[tmp_path])
        vendored, (one, two) = vendor(graph, host)
        assert one.edit.replace == (("libtwo.so", vendored.files[two.source]),)
        assert two.edit.replace == (("libone.so", vendored.files[one.source]),)


class TestPlainNames:
    def test_a_plain_name_is_the_soname(self, host: MadeHost, tmp_path: Path) -> None:
        real = host.put(tmp_path / "libfoo.so.1.2.3", library("libfoo.so.1"))
        (tmp_path / "libfoo.so.1").symlink_to(real)
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so.1")), lib_path=[tmp_path])
        for glob in ("libfoo.so.1", "libfoo.so.1.2.*"):
            vendored, (copy,) = vendor(graph, host, no_mangle=(glob,))
            assert (copy.member, copy.edit.identity) == ("s.libs/libfoo.so.1", None)
            assert used_globs(vendored, graph, (glob, "libbar*")) == {glob}

    def test_a_library_without_soname_keeps_its_file_name_and_gets_it_as_soname(self, host: MadeHost, tmp_path: Path) -> None:
        host.put(tmp_path / "libfoo.so", library(None))
        _, (copy,) = vendor(graph_of(host, member("pkg/_x.so", extension("libfoo.so")), lib_path=[tmp_path]), host, no_mangle=("*",))
        assert (copy.member, copy.edit.identity) == ("s.libs/libfoo.so", "libfoo.so")

    def test_one_name_for_two_libraries_is_refused(self, host: MadeHost, tmp_path: Path) -> None:
        paths = [put(host, tmp_path / folder, "libfoo.so.1", content=folder) for folder in ("old", "new")]
        images = [member(f"pkg/_{path.parent.name}.so", extension("libfoo.so.1", rpaths=(str(path.parent),))) for path in paths]
        with pytest.raises(LinkageError, match=r"--no-mangle gives one name to different libraries: libfoo\.so\.1"):
            vendor(graph_of(host, *images), host, no_mangle=("libfoo*",))


class TestLibrariesOfTheWheel:
    def test_the_folders_that_no_search_path_leads_to(self, host: MadeHost) -> None:
        images = [
            member("pkg/_x.so", extension("libb.so", "liba.so", "libled.so", rpaths=("$ORIGIN/led",))),
            member("lib/libb.so", library("libb.so")),
            member("lib/liba.so", library("liba.so")),
            member("pkg/led/libled.so", library("libled.so")),
        ]
        graph = graph_of(host, *images)
        assert member_folders(graph.links[images[0].member], graph) == ("lib",)
        assert new_names(graph, "pkg/_x.so") == ()

    def test_a_file_that_is_not_named_as_its_soname_is_asked_for_by_its_name(self, host: MadeHost) -> None:
        graph = graph_of(host, member("pkg/_x.so", extension("libfoo.so.1")), member("pkg/libfoo.so", library("libfoo.so.1")))
        assert new_names(graph, "pkg/_x.so") == (("libfoo.so.1", "libfoo.so"),)
