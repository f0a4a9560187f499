"""Which libraries are copied into a macOS wheel, how they are called, and how they and their users are edited."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, library, member
from mademacs import PLAIN, UNIQUE, chosen, dylib, exported, graph_of, module
from smallwheels import wheel

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Edit, FlatBinding, Identity, Kind, Symbol
from nativewheel.linkage.manifest import Binding
from nativewheel.repair.images import ImageEditor
from nativewheel.repair.vendoring import name_vendored, used_globs, vendored_libraries
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph
    from nativewheel.repair.exporting import Exported
    from nativewheel.repair.plan import ImageEdit, VendoredLibrary
    from nativewheel.repair.vendoring import Vendored

OUTER, INNER = "@rpath/libouter.2.dylib", "/build/lib/libinner.dylib"
PYTHON = "/Library/Frameworks/Python.framework/Versions/3.11/Python"

pytestmark = pytest.mark.usefixtures("no_library_path")


def vendor(
    graph: Graph, host: MadeHost, *, no_mangle: tuple[str, ...] = (), exports: Mapping[Member, Exported] | None = None
) -> tuple[Vendored, dict[str, VendoredLibrary]]:
    vendored = name_vendored(graph.libraries, graph, host, folder="s.libs", no_mangle=no_mangle, strip=False, exported=exports or {})
    copies = vendored_libraries(vendored, graph, host, strip=False)
    return vendored, {copy.source.name: copy for copy in copies}


def leaf(copy: VendoredLibrary) -> str:
    return copy.member.rpartition("/")[2]


def chain(host: MadeHost, folder: Path, *, inner: str = "inner", rpaths: tuple[str, ...] = ()) -> Graph:
    """Make a module that needs a library of the host, which needs another one."""
    host.put(folder / "libouter.2.dylib", dylib(OUTER, INNER, rpaths=rpaths), content="outer")
    host.put(folder / "libinner.dylib", dylib(INNER), content=inner)
    return graph_of(member("pkg/x.so", module(OUTER)), host=host, lib_path=[folder])


class TestCopies:
    def test_they_have_hashed_names_and_find_each_other(self, host: MadeHost, tmp_path: Path) -> None:
        vendored, copies = vendor(chain(host, tmp_path), host)
        outer, inner = copies["libouter.2.dylib"], copies["libinner.dylib"]
        assert re.fullmatch(r"s\.libs/libouter-[0-9a-f]{8}\.2\.dylib", outer.member)
        assert (outer.edit.identity, inner.edit.identity) == (f"@rpath/{leaf(outer)}", f"@rpath/{leaf(inner)}")
        assert (outer.edit.replace, inner.edit.replace) == (((INNER, f"@loader_path/{leaf(inner)}"),), ())
        assert (outer.edit.rpaths, inner.edit.rpaths) == (None, None)
        assert (outer.names, inner.names) == ((OUTER,), (INNER,))
        assert set(vendored.files.values()) == {leaf(outer), leaf(inner)}

    @pytest.mark.parametrize("rpaths", [("/build/lib",), ("@loader_path", "@loader_path/../lib")])
    def test_search_paths_go_because_names_say_the_place(self, host: MadeHost, tmp_path: Path, rpaths: tuple[str, ...]) -> None:
        _, copies = vendor(chain(host, tmp_path, rpaths=rpaths), host)
        assert copies["libouter.2.dylib"].edit.rpaths == ()

    def test_users_ask_for_them_from_where_they_are(self, host: MadeHost, tmp_path: Path) -> None:
        graph = chain(host, tmp_path)
        vendored, copies = vendor(graph, host)
        image, links = module(OUTER), graph.links[Member("pkg/x.so")]
        for folder, way in (("pkg", "../s.libs/"), ("", "s.libs/"), ("s.libs", ""), ("pkg/a/b", "../../../s.libs/")):
            assert vendored.replacements(links, image, folder) == ((OUTER, f"@loader_path/{way}{leaf(copies['libouter.2.dylib'])}"),)

    def test_an_inner_library_names_its_users_too(self, host: MadeHost, tmp_path: Path) -> None:
        (_, one), (_, same), (_, other) = (vendor(chain(host, tmp_path / name, inner=name[0]), host) for name in ("a", "a2", "b"))
        assert leaf(one["libouter.2.dylib"]) == leaf(same["libouter.2.dylib"]) != leaf(other["libouter.2.dylib"])

    def test_a_plain_name_is_the_last_part_of_the_install_name(self, host: MadeHost, tmp_path: Path) -> None:
        path = host.put(tmp_path / "libfoo.1.2.dylib", dylib("/build/libfoo.1.dylib"))
        (tmp_path / "libfoo.1.dylib").symlink_to(path)
        graph = graph_of(member("pkg/x.so", module("@rpath/libfoo.1.dylib")), host=host, lib_path=[tmp_path])
        for glob in ("libfoo.1.dylib", "libfoo.1.2.*"):
            vendored, copies = vendor(graph, host, no_mangle=(glob,))
            copy = copies["libfoo.1.2.dylib"]
            assert (copy.member, copy.edit.identity) == ("s.libs/libfoo.1.dylib", "@rpath/libfoo.1.dylib")
            assert used_globs(vendored, graph, (glob, "/build/*")) == {glob}

    def test_a_cycle(self, host: MadeHost, tmp_path: Path) -> None:
        host.put(tmp_path / "libone.dylib", dylib("@rpath/libone.dylib", "@rpath/libtwo.dylib"))
        host.put(tmp_path / "libtwo.dylib", dylib("@rpath/libtwo.dylib", "@rpath/libone.dylib"))
        _, copies = vendor(graph_of(member("pkg/x.so", module("@rpath/libone.dylib")), host=host, lib_path=[tmp_path]), host)
        one, two = copies["libone.dylib"], copies["libtwo.dylib"]
        assert one.edit.replace == (("@rpath/libtwo.dylib", f"@loader_path/{leaf(two)}"),)
        assert two.edit.replace == (("@rpath/libone.dylib", f"@loader_path/{leaf(one)}"),)

    def test_one_that_needs_the_wheel_and_python(self, host: MadeHost, tmp_path: Path) -> None:
        host.put(tmp_path / "libfoo.dylib", dylib("@rpath/libfoo.dylib", "@rpath/libown.dylib", PYTHON))
        images = member("pkg/x.so", module("@rpath/libfoo.dylib")), member("pkg/libown.dylib", dylib("@rpath/libown.dylib"))
        _, copies = vendor(graph_of(*images, host=host, lib_path=[tmp_path]), host)
        edit = copies["libfoo.dylib"].edit
        assert (edit.replace, edit.remove) == ((("@rpath/libown.dylib", "@loader_path/../pkg/libown.dylib"),), (PYTHON,))


class TestCopiesThatUseProviders:
    def copy(
        self, folder: Path, *symbols: str, binding: Binding = Binding.FLAT, kept: tuple[str, ...] = (), distribution: str = "core"
    ) -> VendoredLibrary:
        host, wanted = MadeHost(), [Symbol(name="_add", library=PLAIN)]
        host.put(folder / "libfoo.dylib", dylib("@rpath/libfoo.dylib", PLAIN), content="foo", imports=wanted)
        user = member("pkg/x.so", module("@rpath/libfoo.dylib"))
        choice = chosen(PLAIN, symbols, distribution=distribution, binding=binding, kept=kept)
        graph = graph_of(user, host=host, lib_path=[folder], choices=[choice])
        return vendor(graph, host)[1]["libfoo.dylib"]

    def test_they_are_bound_as_modules_are(self, tmp_path: Path) -> None:
        flat, named = (self.copy(tmp_path, "_add", binding=binding).edit for binding in (Binding.FLAT, Binding.INSTALL_NAME))
        assert (flat.flat, flat.replace) == ((FlatBinding(dependency=PLAIN, identity=UNIQUE, renames=(("_add", "_nw_core__add"),)),), ())
        assert (named.flat, named.replace) == ((), ((PLAIN, UNIQUE),))

    def test_how_they_are_bound_is_part_of_their_name(self, tmp_path: Path) -> None:
        names = {
            leaf(self.copy(tmp_path, "_add")),
            leaf(self.copy(tmp_path, "_add", kept=("_add",))),
            leaf(self.copy(tmp_path, "_add", kept=("_add",), distribution="other")),
            leaf(self.copy(tmp_path, "_add", binding=Binding.INSTALL_NAME)),
        }
        assert len(names) == 4
        assert leaf(self.copy(tmp_path, "_add", "_other")) in names

    def test_an_exported_library_of_the_wheel(self, host: MadeHost, tmp_path: Path) -> None:
        own = member("pkg/libntcore.dylib", dylib(PLAIN))
        host.put(tmp_path / "libfoo.dylib", dylib("@rpath/libfoo.dylib", PLAIN), imports=[Symbol(name="_add", library=PLAIN)])
        graph = graph_of(member("pkg/x.so", module("@rpath/libfoo.dylib")), own, host=host, lib_path=[tmp_path])
        _, copies = vendor(graph, host, exports={own.member: exported(own, "_add")})
        edit = copies["libfoo.dylib"].edit
        assert edit.replace == ((PLAIN, "@loader_path/../pkg/libnw_core__ntcore.dylib"),)
        assert edit.rename_imports == ((PLAIN, (("_add", "_nw_core__add"),)),)


@contextmanager
def editor(folder: Path, host: MadeHost, *images: WheelImage, exports: Mapping[Member, Exported] | None = None) -> Iterator[ImageEditor]:
    """Open the editor of a wheel; libraries of the host are in ``folder``."""
    graph = graph_of(*images, host=host, lib_path=[folder])
    path = wheel(folder / "dist", "cp311-cp311-macosx_11_0_arm64", {image.member: b"" for image in images})
    with WheelArchive(path) as archive:
        vendored, _ = vendor(graph, host, exports=exports)
        yield ImageEditor(archive=archive, graph=graph, vendored=vendored, exported=exports or {}, swapped={}, strip=False)


class TestImages:
    FOO = "@rpath/libfoo.dylib"

    def edit(self, folder: Path, image: WheelImage, *others: WheelImage, exports: Mapping[Member, Exported] | None = None) -> ImageEdit | None:
        host = MadeHost()
        host.put(folder / "libfoo.dylib", dylib(self.FOO))
        with editor(folder, host, image, *others, exports=exports) as made:
            return made.edit(image)

    def changed(self, folder: Path, image: WheelImage, *others: WheelImage, exports: Mapping[Member, Exported] | None = None) -> ImageEdit:
        found = self.edit(folder, image, *others, exports=exports)
        assert found is not None
        return found

    def test_a_module(self, tmp_path: Path) -> None:
        found = self.changed(tmp_path, member("pkg/x.so", module(self.FOO, rpaths=("/build", "@loader_path/lib"))))
        ((old, new),) = found.edit.replace
        assert (found.target, old) == ("pkg/x.so", self.FOO)
        assert re.fullmatch(r"@loader_path/\.\./s\.libs/libfoo-[0-9a-f]{8}\.dylib", new)
        assert found.edit == Edit(replace=((old, new),), rpaths=("@loader_path/lib",))

    def test_one_that_needs_nothing(self, tmp_path: Path) -> None:
        assert self.edit(tmp_path, member("pkg/x.so", module("/usr/lib/libSystem.B.dylib", rpaths=("@loader_path/lib",)))) is None

    def test_python_is_dropped_from_a_module(self, tmp_path: Path) -> None:
        assert self.changed(tmp_path, member("pkg/x.so", module(PYTHON))).edit == Edit(remove=(Identity(PYTHON),))

    def test_an_exported_library(self, tmp_path: Path) -> None:
        own = member("pkg/libntcore.dylib", dylib("/build/libntcore.dylib"))
        found = self.changed(tmp_path, own, exports={own.member: exported(own, "_b", "_a")})
        assert found.target == "pkg/libnw_core__ntcore.dylib"
        assert found.edit == Edit(identity=UNIQUE, rename_symbols=(("_a", "_nw_core__a"), ("_b", "_nw_core__b")))


class TestPrograms:
    SCRIPT = "small-1.0.data/scripts/tool"

    def script(self, *needed: str, rpaths: tuple[str, ...] = (), path: str = SCRIPT) -> WheelImage:
        return member(path, dylib(None, *needed, kind=Kind.PROGRAM, rpaths=rpaths), installed=False)

    @pytest.mark.parametrize("rpaths", [(), ("/build", "@executable_path/../lib")])
    def test_one_among_the_scripts_moves_to_its_libraries(self, tmp_path: Path, rpaths: tuple[str, ...]) -> None:
        """Its search path meant other folders, and the names of its libraries need none."""
        found = TestImages().changed(tmp_path, self.script(TestImages.FOO, rpaths=rpaths))
        ((old, new),) = found.edit.replace
        assert (found.member, found.target, old) == (self.SCRIPT, "small.scripts/tool", TestImages.FOO)
        assert re.fullmatch(r"@loader_path/\.\./s\.libs/libfoo-[0-9a-f]{8}\.dylib", new)
        assert found.edit.rpaths == (() if rpaths else None)

    @pytest.mark.parametrize("name", ["@executable_path/../lib/libown.dylib", "@rpath/libown.dylib", "/build/libown.dylib"])
    def test_so_it_does_for_a_library_of_the_wheel(self, tmp_path: Path, name: str) -> None:
        found = TestImages().changed(tmp_path, self.script(name), member("pkg/libown.dylib", dylib("@rpath/libown.dylib")))
        assert (found.target, found.edit.replace) == ("small.scripts/tool", ((name, "@loader_path/../pkg/libown.dylib"),))

    def test_one_that_needs_the_system_alone_stays(self, tmp_path: Path) -> None:
        assert TestImages().edit(tmp_path, self.script("/usr/lib/libSystem.B.dylib")) is None
        found = TestImages().changed(tmp_path, self.script("/usr/lib/libSystem.B.dylib", rpaths=("/build", "@executable_path/x")))
        assert (found.target, found.edit) == (self.SCRIPT, Edit(rpaths=("@executable_path/x",)))

    def test_one_in_a_package_stays_with_its_search_path(self, tmp_path: Path) -> None:
        tool = member("pkg/bin/tool", dylib(None, "@rpath/libown.dylib", kind=Kind.PROGRAM, rpaths=("@executable_path/../lib", "/build")))
        found = TestImages().changed(tmp_path, tool, member("pkg/lib/libown.dylib", dylib("@rpath/libown.dylib")))
        assert (found.target, found.edit) == ("pkg/bin/tool", Edit(rpaths=("@executable_path/../lib",)))

    def test_python_s_library_cannot_come_with_it(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match=rf"the program needs {PYTHON}, which a wheel cannot carry"):
            TestImages().edit(tmp_path, self.script(PYTHON))

    def test_one_in_the_data_folder_has_no_fixed_way_to_them(self, tmp_path: Path) -> None:
        with pytest.raises(LinkageError, match="an image in the data folder needs libraries"):
            TestImages().edit(tmp_path, self.script(TestImages.FOO, path="small-1.0.data/data/bin/tool"))


def test_libraries_of_another_format_are_passed_over(host: MadeHost, tmp_path: Path) -> None:
    host.put(tmp_path / "elf/libfoo.dylib", library("libfoo.dylib"))
    host.put(tmp_path / "macho/libfoo.dylib", dylib("@rpath/libfoo.dylib"))
    user = member("pkg/x.so", module("@rpath/libfoo.dylib"))
    graph = graph_of(user, host=host, lib_path=[tmp_path / "elf", tmp_path / "macho"])
    assert [path.parent.name for path in graph.libraries] == ["macho"]
