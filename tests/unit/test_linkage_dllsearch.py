"""Where DLLs are looked for: in the wheel, and on the build host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, needs

from nativewheel.formats.image import Arch, Format, Identity, Image, Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.dllsearch import DllSearch, host_folders, is_dll, member_dlls
from nativewheel.linkage.graph import GraphBuilder, Reach
from nativewheel.linkage.search import Asker
from nativewheel.linkage.windows import supply
from nativewheel.wheel.names import Member, WheelName

if TYPE_CHECKING:
    from pathlib import Path

SUPPLY = supply(WheelName.parse("small-1.0-cp311-cp311-win_amd64.whl"), Arch.X86_64)


def image(*needed: str, arch: Arch = Arch.X86_64, kind: Kind = Kind.LIBRARY, identity: str = "x.dll") -> Image:
    return Image(format=Format.PE, archs=(arch,), kind=kind, identity=Identity(identity), dependencies=tuple(map(needs, needed)))


def member(path: str, found: Image, *, installed: bool = True) -> WheelImage:
    return WheelImage(member=Member(path), installed=path if installed else None, size=1, image=found, imports=())


def search(host: MadeHost, *folders: Path, images: tuple[WheelImage, ...] = (), arch: Arch = Arch.X86_64) -> DllSearch:
    return DllSearch(libraries=host, arch=arch, supply=SUPPLY, members=member_dlls(images), folders=folders)


def found(made: DllSearch, name: str, asker: Image | None = None) -> Path | None:
    result = made.find(Identity(name), Asker(image=asker or image()))
    return result.library.path if result else None


@pytest.mark.parametrize("name", ["Foo.dll", "foo.dll", "FOO.DLL", "foo"])
def test_names_have_no_case(tmp_path: Path, name: str) -> None:
    host = MadeHost()
    path = host.put(tmp_path / "fOO.dll", image())
    assert found(search(host, tmp_path), name) == path


def test_the_first_folder_counts(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "second" / "foo.dll", image())
    path = host.put(tmp_path / "first" / "foo.dll", image())
    result = search(host, tmp_path / "first", tmp_path / "second").find(Identity("foo.dll"), Asker(image=image()))
    assert result
    assert (result.library.path, result.folder) == (path, tmp_path / "first")


@pytest.mark.parametrize("wrong", [image(arch=Arch.I686), image(kind=Kind.PROGRAM), None])
def test_what_cannot_be_used_is_passed_over(tmp_path: Path, wrong: Image | None) -> None:
    host = MadeHost()
    if wrong:
        host.put(tmp_path / "first" / "foo.dll", wrong)
    else:
        (tmp_path / "first" / "foo.dll").mkdir(parents=True)
    path = host.put(tmp_path / "second" / "foo.dll", image())
    assert found(search(host, tmp_path / "absent", tmp_path / "first", tmp_path / "second"), "foo.dll") == path
    assert found(search(host, tmp_path / "first"), "foo.dll") is None


def test_of_two_files_that_differ_in_case_the_one_for_the_architecture_is_taken(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "FOO.dll", image(arch=Arch.I686))
    path = host.put(tmp_path / "foo.dll", image())
    assert found(search(host, tmp_path), "Foo.dll") == path


@pytest.mark.parametrize("name", ["../foo.dll", "..\\foo.dll", "sub/foo.dll", "C:\\foo.dll", "", "..", "foo.dll\0"])
def test_only_plain_names_are_found(tmp_path: Path, name: str) -> None:
    host = MadeHost()
    host.put(tmp_path / "foo.dll", image())
    host.put(tmp_path / "sub" / "foo.dll", image())
    assert found(search(host, tmp_path / "sub", tmp_path), name) is None


def test_links_are_followed(tmp_path: Path) -> None:
    host = MadeHost()
    path = host.put(tmp_path / "real" / "foo-1.2.dll", image())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "foo.dll").symlink_to(path)
    assert found(search(host, tmp_path / "bin"), "foo.dll") == path


@pytest.mark.parametrize("target", ["foo.dll", "absent.dll"])
def test_links_that_lead_nowhere_are_passed_over(tmp_path: Path, target: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "foo.dll").symlink_to(target)
    host = MadeHost()
    path = host.put(tmp_path / "next" / "foo.dll", image())
    assert found(search(host, tmp_path / "bin", tmp_path / "next"), "foo.dll") == path


def test_nothing_is_taken_from_the_host_for_programs_and_for_windows_xp(tmp_path: Path) -> None:
    host = MadeHost()
    path = host.put(tmp_path / "concrt140.dll", image())
    made = search(host, tmp_path)
    assert found(made, "concrt140.dll") == path
    assert found(made, "concrt140.dll", image(kind=Kind.PROGRAM, identity="x.exe")) is None
    assert found(made, "concrt140.dll", image(identity="MSVCP140.dll")) is None


def test_nothing_is_passed_on(tmp_path: Path) -> None:
    assert search(MadeHost(), tmp_path).passed_on(Asker(image=image(), inherited=(tmp_path,))) == ()


def test_the_dll_of_python_is_supplied_and_stays() -> None:
    made = search(MadeHost())
    assert made.supplies(Identity("python311.dll"))
    assert not made.is_interpreter(Identity("python311.dll"))


@pytest.mark.parametrize(
    ("members", "name", "places"),
    [
        (("pkg/foo.dll",), "FOO.dll", ("pkg/foo.dll",)),
        (("pkg/Foo.dll", "other/foo.dll"), "foo.dll", ("pkg/Foo.dll",)),
        (("PKG/foo.dll", "other/foo.dll"), "foo.dll", ("PKG/foo.dll",)),
        (("pkg.libs/foo.dll", "other/foo.dll"), "foo.dll", ("pkg.libs/foo.dll", "other/foo.dll")),
        (("pkg.libs/bar.dll",), "foo.dll", ()),
        (("pkg/msvcrt.dll",), "msvcrt.dll", ("pkg/msvcrt.dll",)),
        (("other/msvcrt.dll",), "msvcrt.dll", ()),
    ],
)
def test_places_in_the_wheel(members: tuple[str, ...], name: str, places: tuple[str, ...]) -> None:
    images = tuple(member(path, image()) for path in members)
    assert search(MadeHost(), images=images).places(Identity(name), image(), "pkg/x.pyd") == places


def test_code_of_the_wheel_does_not_know_of_what_is_added() -> None:
    made = search(MadeHost(), images=tuple(member(path, image()) for path in ("x.libs/foo.dll", "x.libs/bar.dll", "pkg/bar.dll", "other/bar.dll")))
    made.added = frozenset({"x.libs/foo.dll", "x.libs/bar.dll", "pkg/bar.dll"})
    assert [made.places(Identity(name), image(), "pkg/x.pyd") for name in ("foo.dll", "bar.dll")] == [(), ("pkg/bar.dll",)]
    assert made.places(Identity("bar.dll"), image(), "new/x.pyd") == ("other/bar.dll",)


def test_programs_and_what_goes_to_other_places_are_no_dlls_of_the_wheel() -> None:
    images = (member("pkg/foo.exe", image(kind=Kind.PROGRAM)), member("x.data/scripts/bar.dll", image(), installed=False), member("a/b.pyd", image()))
    assert member_dlls(images) == {"b.pyd": ("a/b.pyd",)}


def test_the_graph_of_a_wheel(tmp_path: Path) -> None:
    host = MadeHost()
    bar = host.put(tmp_path / "Bar.dll", image("baz.dll", "KERNEL32.dll", identity="Bar.dll"))
    baz = host.put(tmp_path / "baz.dll", image("bar.dll", identity="baz.dll"))
    images = (
        member("pkg/x.pyd", image("Foo.dll", "python311.dll", kind=Kind.EXTENSION)),
        member("pkg.libs/foo.dll", image("BAR.dll", "lost.dll")),
        member("pkg/x.exe", image("bar.dll", "foo.dll", kind=Kind.PROGRAM)),
    )
    graph = GraphBuilder(images=images, loader=search(host, tmp_path, images=images)).build()
    reached = {str(key): [(link.reach, link.member or link.path, link.reachable) for link in links] for key, links in graph.links.items()}
    assert reached == {
        "pkg/x.pyd": [(Reach.MEMBER, "pkg.libs/foo.dll", True), (Reach.PLATFORM, None, True)],
        "pkg.libs/foo.dll": [(Reach.HOST, bar, True), (Reach.NOWHERE, None, True)],
        "pkg/x.exe": [(Reach.NOWHERE, None, True), (Reach.MEMBER, "pkg.libs/foo.dll", True)],
        str(bar): [(Reach.HOST, baz, True), (Reach.PLATFORM, None, True)],
        str(baz): [(Reach.HOST, bar, True)],
    }


def test_the_folders_of_the_host(tmp_path: Path) -> None:
    given, first, second = tmp_path / "given", tmp_path / "first", tmp_path / "second dir"
    path = os.pathsep.join([str(first), "", f'"{second}"', str(given)])
    assert host_folders([given], path) == (given, first, second)
    assert host_folders([given], None) == (given,)
    assert host_folders([], "") == ()


def test_the_system_folder_has_other_names_for_other_architectures(tmp_path: Path) -> None:
    assert host_folders([], str(tmp_path / "system32")) == tuple(tmp_path / name for name in ("system32", "SysWOW64", "Sysnative"))


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [(image(), True), (image(arch=Arch.AARCH64), False), (image(kind=Kind.EXTENSION), True), (image(kind=Kind.PROGRAM), False)],
)
def test_dlls_of_an_architecture(candidate: Image, expected: bool) -> None:  # noqa: FBT001
    assert is_dll(candidate, Arch.X86_64) is expected
