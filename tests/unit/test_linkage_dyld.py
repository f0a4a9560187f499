"""Where dyld looks: in the wheel, and on the build host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost

from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.dyld import DyldSearch, chain, folders, has_slices
from nativewheel.linkage.graph import GraphBuilder, Reach
from nativewheel.linkage.search import Asker
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

ARM = (Arch.AARCH64,)
BOTH = (Arch.AARCH64, Arch.X86_64)


def image(*needs: str, rpaths: tuple[str, ...] = (), archs: tuple[Arch, ...] = ARM, identity: str | None = None, kind: Kind = Kind.LIBRARY) -> Image:
    return Image(
        format=Format.MACHO,
        archs=archs,
        kind=kind,
        identity=Identity(identity) if identity else None,
        dependencies=tuple(Dependency(name=Identity(name)) for name in needs),
        rpaths=rpaths,
        inherited_rpaths=bool(rpaths),
    )


def member(path: str, found: Image) -> WheelImage:
    return WheelImage(member=Member(path), installed=path, size=1, image=found, imports=())


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYLD_LIBRARY_PATH", raising=False)


@pytest.mark.parametrize(
    ("name", "rpaths", "places"),
    [
        ("@loader_path/../lib/a.dylib", (), ("pkg/lib/a.dylib",)),
        ("@rpath/a.dylib", ("@loader_path/.dylibs", "/opt/lib", "@loader_path"), ("pkg/sub/.dylibs/a.dylib", "pkg/sub/a.dylib")),
        ("@rpath/x/a.dylib", ("@loader_path/..",), ("pkg/x/a.dylib",)),
        ("@rpath/a.dylib", (), ()),
        ("/opt/lib/a.dylib", ("@loader_path",), ()),
        ("@executable_path/a.dylib", (), ()),
        ("@loader_path/../../../a.dylib", (), ()),
    ],
)
def test_places_in_the_wheel(name: str, rpaths: tuple[str, ...], places: tuple[str, ...]) -> None:
    search = DyldSearch(libraries=MadeHost(), archs=ARM)
    assert search.places(Identity(name), image(rpaths=rpaths), "pkg/sub/x.so") == places


@pytest.mark.parametrize(
    ("name", "system", "python"),
    [
        ("/usr/lib/libSystem.B.dylib", True, False),
        ("/System/Library/Frameworks/Accelerate.framework/Versions/A/Accelerate", True, False),
        ("/usr/local/lib/libz.1.dylib", False, False),
        ("@rpath/libz.dylib", False, False),
        ("/Library/Frameworks/Python.framework/Versions/3.11/Python", False, True),
        ("/Applications/Xcode.app/Contents/Developer/Library/Frameworks/Python3.framework/Versions/3.9/Python3", False, True),
        ("@rpath/PythonT.framework/Versions/3.13/PythonT", False, True),
        ("@rpath/PythonQt.framework/Versions/3/PythonQt", False, False),
        ("@rpath/libpython3.11.dylib", False, True),
        ("libpython3.13t.dylib", False, True),
        ("@rpath/libpythonic.dylib", False, False),
    ],
)
def test_what_the_system_and_the_interpreter_have(name: str, system: bool, python: bool) -> None:  # noqa: FBT001
    assert (DyldSearch.supplies(Identity(name)), DyldSearch.is_interpreter(Identity(name))) == (system, python)


def test_the_order_on_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = MadeHost()
    for folder in ("given", "environment", "own", "loader"):
        host.put(tmp_path / folder / "a.dylib", image())
    asker = Asker(image=image(rpaths=(str(tmp_path / "own"),)), inherited=(tmp_path / "loader",))
    monkeypatch.setenv("DYLD_LIBRARY_PATH", f"{tmp_path}/environment")
    met = []
    for _ in range(4):
        found = DyldSearch(libraries=host, archs=ARM, lib_path=(tmp_path / "given",)).find(Identity("@rpath/a.dylib"), asker)
        assert found is not None
        met.append(found.folder.name)
        found.library.path.unlink()
    assert met == ["given", "environment", "own", "loader"]
    assert DyldSearch(libraries=host, archs=ARM).find(Identity("@rpath/a.dylib"), asker) is None


def test_paths_are_relative_to_the_asker_or_absolute(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "lib/a.dylib", image())
    asker = Asker(image=image(), origins=(tmp_path / "bin",))
    search = DyldSearch(libraries=host, archs=ARM)
    assert search.find(Identity("@loader_path/../lib/a.dylib"), asker) is not None
    assert search.find(Identity(f"{tmp_path}/lib/a.dylib"), asker) is not None
    assert search.find(Identity("lib/a.dylib"), asker) is None
    rooted = DyldSearch(libraries=host, archs=ARM, sysroot=tmp_path)
    assert rooted.find(Identity("/lib/a.dylib"), Asker(image=image())) is not None


def test_a_library_must_have_every_processor_of_the_wheel(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "thin/a.dylib", image())
    host.put(tmp_path / "fat/a.dylib", image(archs=BOTH))
    found = DyldSearch(libraries=host, archs=BOTH, lib_path=(tmp_path / "thin", tmp_path / "fat")).find(
        Identity("@rpath/a.dylib"), Asker(image=image())
    )
    assert found is not None
    assert found.folder.name == "fat"


def test_a_graph_of_a_wheel(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "libext.dylib", image("/usr/lib/libSystem.B.dylib", identity="/opt/libext.dylib"))
    module = member(
        "pkg/x.so",
        image(
            "@rpath/liba.dylib",
            "/opt/libb.dylib",
            "@rpath/libext.dylib",
            "/usr/lib/libSystem.B.dylib",
            "@rpath/none.dylib",
            rpaths=("@loader_path/lib",),
        ),
    )
    beside = [member("pkg/lib/liba.dylib", image()), member("pkg/lib/libb.2.dylib", image(identity="/opt/libb.dylib"))]
    search = DyldSearch(libraries=host, archs=ARM, lib_path=(tmp_path,))
    links = GraphBuilder(images=[module, *beside], loader=search).build().links[Member("pkg/x.so")]
    assert [(link.reach, link.member, link.reachable) for link in links] == [
        (Reach.MEMBER, "pkg/lib/liba.dylib", True),
        (Reach.MEMBER, "pkg/lib/libb.2.dylib", False),
        (Reach.HOST, None, True),
        (Reach.PLATFORM, None, True),
        (Reach.NOWHERE, None, True),
    ]


class TestPrograms:
    """A program of the wheel knows where it is; the one that imports a module is the interpreter, wherever that may be."""

    TOOL = image("@executable_path/../lib/a.dylib", "@rpath/b.dylib", rpaths=("@executable_path/../lib",), kind=Kind.PROGRAM)

    def test_its_own_folder(self) -> None:
        search = DyldSearch(libraries=MadeHost(), archs=ARM)
        assert search.places(Identity("@executable_path/../lib/a.dylib"), self.TOOL, "pkg/bin/tool") == ("pkg/lib/a.dylib",)
        assert search.places(Identity("@rpath/b.dylib"), self.TOOL, "pkg/bin/tool") == ("pkg/lib/b.dylib",)
        assert folders(self.TOOL, "pkg/bin/tool") == ("pkg/lib",)
        assert folders(image(rpaths=self.TOOL.rpaths), "pkg/bin/tool") == ()

    def test_in_the_graph(self) -> None:
        libraries = [member(f"pkg/lib/{name}.dylib", image(identity=f"@rpath/{name}.dylib")) for name in ("a", "b")]
        search = DyldSearch(libraries=MadeHost(), archs=ARM)
        links = GraphBuilder(images=[member("pkg/bin/tool", self.TOOL), *libraries], loader=search).build().links[Member("pkg/bin/tool")]
        assert [(link.member, link.reachable) for link in links] == [("pkg/lib/a.dylib", True), ("pkg/lib/b.dylib", True)]


class TestChain:
    """dyld goes through the search paths of all that led to an image."""

    def test_the_folders_of_all_images(self) -> None:
        scripts = WheelImage(member=Member("s.data/scripts/t"), installed=None, size=1, image=image(rpaths=("@loader_path/x",)), imports=())
        images = [
            member("pkg/x.so", image(rpaths=("@loader_path/lib", "/opt/lib"))),
            member("pkg/y.so", image(rpaths=("@loader_path/lib", "@loader_path/.."))),
            scripts,
        ]
        assert chain(images) == ("pkg/lib", "")

    def test_they_come_after_an_image_s_own(self) -> None:
        search = DyldSearch(libraries=MadeHost(), archs=ARM, chain=("pkg/lib",))
        assert search.places(Identity("@rpath/a.dylib"), image(rpaths=("@loader_path",)), "other/x.so") == ("other/a.dylib", "pkg/lib/a.dylib")
        assert search.places(Identity("@loader_path/a.dylib"), image(), "other/x.so") == ("other/a.dylib",)

    def test_a_library_without_a_search_path_of_its_own(self) -> None:
        images = [
            member("pkg/x.so", image("@rpath/a.dylib", rpaths=("@loader_path/lib",))),
            member("pkg/lib/a.dylib", image("@rpath/b.dylib")),
            member("pkg/lib/b.dylib", image()),
        ]
        for known, reachable in ((chain(images), True), ((), False)):
            search = DyldSearch(libraries=MadeHost(), archs=ARM, chain=known)
            (link,) = GraphBuilder(images=images, loader=search).build().links[Member("pkg/lib/a.dylib")]
            assert (link.member, link.reachable) == ("pkg/lib/b.dylib", reachable)

    def test_libraries_of_the_host_pass_theirs_on(self, tmp_path: Path) -> None:
        host = MadeHost()
        host.put(tmp_path / "one/a.dylib", image("@rpath/b.dylib"))
        host.put(tmp_path / "two/b.dylib", image())
        user = member("pkg/x.so", image("@rpath/a.dylib", rpaths=(f"{tmp_path}/one", f"{tmp_path}/two")))
        graph = GraphBuilder(images=[user], loader=DyldSearch(libraries=host, archs=ARM)).build()
        assert [path.name for path in graph.libraries] == ["a.dylib", "b.dylib"]


def test_a_library_of_another_format_is_none() -> None:
    elf = Image(format=Format.ELF, archs=ARM, kind=Kind.LIBRARY, identity=None, dependencies=())
    assert not has_slices(elf, ARM)
    assert has_slices(image(archs=BOTH), ARM)
    assert not has_slices(image(), BOTH)


def test_a_file_name_alone_is_looked_for_in_given_folders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = MadeHost()
    host.put(tmp_path / "a.dylib", image())
    asker = Asker(image=image(rpaths=(str(tmp_path),)), origins=(tmp_path,))
    assert DyldSearch(libraries=host, archs=ARM).find(Identity("a.dylib"), asker) is None
    assert DyldSearch(libraries=host, archs=ARM, lib_path=(tmp_path,)).find(Identity("a.dylib"), asker) is not None
    monkeypatch.setenv("DYLD_LIBRARY_PATH", f":{tmp_path}:")
    assert DyldSearch(libraries=host, archs=ARM).find(Identity("a.dylib"), asker) is not None
    assert DyldSearch(libraries=host, archs=ARM, sysroot=tmp_path).find(Identity("a.dylib"), asker) is None
