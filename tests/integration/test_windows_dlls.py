"""The DLLs that a wheel for Windows takes in: the same as delvewheel's, which says of each where it is from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from madepe import AMD64, ARM64, I386, Imports, Pe
from smallwheels import wheel
from winwheels import WINDOWS, Undelvewheeled, undelvewheeled

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Format
from nativewheel.linkage.contents import WindowsTarget, read_contents
from nativewheel.linkage.graph import Graph, GraphBuilder, Reach
from nativewheel.linkage.host import HostLibraries
from nativewheel.linkage.windows import arch_of, dll_name
from nativewheel.repair.options import RepairOptions
from nativewheel.repair.windows import Windows
from nativewheel.wheel.archive import WheelArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TAG = "cp311-cp311-win_amd64"
MODULE = "pkg/_x.cp311-win_amd64.pyd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dlls:
    """Names of DLLs in small letters: those that are copied into a wheel, those that it holds, and those that every user has."""

    copied: frozenset[str]
    held: frozenset[str]
    supplied: frozenset[str]


def ours(path: Path, *lib_path: Path) -> tuple[Dlls, tuple[str, ...]]:
    """Return what a repair decides, with its warnings."""
    options, host = RepairOptions(lib_path=lib_path), HostLibraries()
    with WheelArchive(path) as archive:
        contents = read_contents(archive)
        arch = arch_of(archive.name.platforms[0])
        assert arch is not None
        assert contents.images
        assert {image.image.format for image in contents.images} == {Format.PE}
        platform = Windows(target=WindowsTarget(arch=arch), archive=archive)
        graph = GraphBuilder(images=contents.images, loader=platform.loader(archive.name, contents.images, host, options)).build()
        choice = platform.choose(archive.name, graph, host, options)
        assert choice.platforms == archive.name.platforms
    copied = frozenset(dll_name(path.name) for path in choice.external)
    assert copied == reached(graph, Reach.HOST)
    return Dlls(copied=copied, held=reached(graph, Reach.MEMBER), supplied=reached(graph, Reach.PLATFORM)), choice.warnings


def reached(graph: Graph, reach: Reach) -> frozenset[str]:
    return frozenset(dll_name(link.name) for links in graph.links.values() for link in links if link.reach is reach)


def theirs(path: Path, *lib_path: Path) -> Dlls:
    """Return what delvewheel says, with the options that make it look at the same files."""
    command = ["show", "--ignore-existing", "--analyze-existing", "--add-path", os.pathsep.join(map(str, lib_path)), str(path)]
    done = subprocess.run([sys.executable, "-m", "delvewheel", *command], capture_output=True, text=True, check=True)
    assert "Not Found" not in done.stdout
    sections = re.split(r"^The following DLLs .*$", done.stdout, flags=re.MULTILINE)[1:]
    copied, held, supplied = (frozenset(re.findall(r"^    (\S+\.(?:dll|drv|pyd))\b", section.lower(), flags=re.MULTILINE)) for section in sections)
    return Dlls(copied=copied, held=held, supplied=supplied - held)


@pytest.fixture(scope="module", params=sorted(WINDOWS))
def before(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Undelvewheeled:
    return undelvewheeled(request.param, tmp_path_factory.mktemp("host"))


@pytest.mark.network
def test_published_wheels_take_in_what_delvewheel_put_into_them(before: Undelvewheeled) -> None:
    found, warnings = ours(before.wheel, before.libraries)
    assert found == theirs(before.wheel, before.libraries)
    assert found.copied == {path.name.lower() for path in before.libraries.iterdir()}
    assert warnings == ()


@pytest.mark.network
def test_published_wheels_lack_dlls_without_the_folder_of_these(before: Undelvewheeled) -> None:
    with pytest.raises(LinkageError, match=r"not found: \S+\.dll \(wanted by "):
        ours(before.wheel)


def pe(*needed: str, machine: int = AMD64, delayed: Iterable[str] = (), ordinals: Iterable[str] = (), exports: Iterable[str] = ("made",)) -> bytes:
    """Build a DLL that needs others: by a symbol, later, or by an ordinal."""
    imports: Imports = (*((name, ("made",)) for name in needed), *((name, (1,)) for name in ordinals))
    late: Imports = tuple((name, ("made",)) for name in delayed)
    return Pe(machine=machine, imports=imports, delay_imports=late, exports=tuple((name, None) for name in exports)).build()


def host(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def module(*needed: str, **keywords: Iterable[str]) -> bytes:
    return pe(*needed, **keywords, exports=("PyInit__x",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("needed", "tag"),
    [
        (("VCRUNTIME140.dll", "VCRUNTIME140_1.dll", "KERNEL32.dll", "python311.dll", "api-ms-win-crt-heap-l1-1-0.dll"), TAG),
        (("VCRUNTIME140.dll", "VCRUNTIME140_1.dll", "KERNEL32.dll", "python3.dll"), "cp38-abi3-win_amd64"),
        (("VCRUNTIME140.dll", "USER32.dll", "WINSPOOL.DRV"), "py3-none-win_amd64"),
        (("VCRUNTIME140.dll", "libpypy3.10-c.dll"), "pp310-pypy310_pp73-win_amd64"),
        (("VCRUNTIME140.dll", "VCRUNTIME140_1.dll", "python-native.dll"), "graalpy311-graalpy242_311_native-win_amd64"),
        (("VCRUNTIME140.dll", "CONCRT140.dll", "VCOMP140.DLL", "python313t.dll"), "cp313-cp313t-win_amd64"),
    ],
)
def test_runtimes_of_each_interpreter(tmp_path: Path, needed: tuple[str, ...], tag: str) -> None:
    names = ("vcruntime140.dll", "vcruntime140_1.dll", "concrt140.dll", "vcomp140.dll")
    folder = host(tmp_path / "lib", {name: pe("KERNEL32.dll") for name in names})
    path = wheel(tmp_path / "dist", tag, {MODULE: module(*needed)})
    assert ours(path, folder)[0] == theirs(path, folder)


def test_the_cpp_runtime_without_what_it_wants_on_windows_xp(tmp_path: Path) -> None:
    runtime = pe("VCRUNTIME140.dll", delayed=["CONCRT140.dll"])
    folder = host(tmp_path / "lib", {"msvcp140.dll": runtime, "concrt140.dll": pe("KERNEL32.dll")})
    path = wheel(tmp_path / "dist", TAG, {MODULE: module("MSVCP140.dll")})
    found = ours(path, folder)[0]
    assert found.copied == theirs(path, folder).copied == {"msvcp140.dll"}


@pytest.mark.parametrize(("platform", "machine"), [("win32", I386), ("win_amd64", AMD64), ("win_arm64", ARM64)])
def test_chains_circles_and_spellings_on_each_architecture(tmp_path: Path, platform: str, machine: int) -> None:
    other = AMD64 if machine != AMD64 else I386
    first = host(tmp_path / "first", {"foo.dll": pe(machine=other), "Bar.DLL": pe("FOO.dll", "deep.dll", machine=machine)})
    files = {"Foo.dll": pe("bar.dll", machine=machine, delayed=["late.dll"], ordinals=["number.dll"]), "bar.dll": pe("lost.dll", machine=machine)}
    files |= {name: pe("KERNEL32.dll", machine=machine) for name in ("late.dll", "NUMBER.dll", "deep.dll", "idle.dll")}
    second = host(tmp_path / "second", files)
    path = wheel(tmp_path / "dist", f"cp311-cp311-{platform}", {MODULE: pe("foo.DLL", "kernel32.dll", machine=machine, exports=("PyInit__x",))})
    found = ours(path, first, second)[0]
    assert found == theirs(path, first, second)
    assert found.copied == {"foo.dll", "bar.dll", "late.dll", "number.dll", "deep.dll"}


def test_dlls_of_the_wheel_come_first(tmp_path: Path) -> None:
    folder = host(tmp_path / "lib", {"foo.dll": pe("bar.dll"), "bar.dll": pe(), "baz.dll": pe()})
    files = {MODULE: module("FOO.dll", "baz.dll"), "pkg/deep/Foo.dll": pe("Bar.dll"), "small.libs/bar.dll": pe("KERNEL32.dll")}
    path = wheel(tmp_path / "dist", TAG, files)
    found = ours(path, folder)[0]
    assert found == theirs(path, folder)
    assert found.copied == {"baz.dll"}
    assert found.held == {"foo.dll", "bar.dll"}


def test_what_delvewheel_does_not_know(tmp_path: Path) -> None:
    # It does not read forwarders, and it would copy the Universal C Runtime and look for extension API sets.
    forwarding = Pe(exports=(("made", "Behind.made"),), imports=(("KERNEL32.dll", ("Sleep",)),)).build()
    folder = host(tmp_path / "lib", {"foo.dll": forwarding, "behind.dll": pe(), "ucrtbase.dll": pe()})
    path = wheel(tmp_path / "dist", TAG, {MODULE: module("foo.dll", "ucrtbase.dll", "ext-ms-win-x-l1-1-0.dll")})
    found = ours(path, folder)[0]
    assert found.copied == {"foo.dll", "behind.dll"}
    assert found.supplied == {"kernel32.dll", "ucrtbase.dll", "ext-ms-win-x-l1-1-0.dll"}


def test_both_warn_of_an_old_runtime(tmp_path: Path) -> None:
    old = pe("KERNEL32.dll").replace(b"\x0b\x02\x0e\x24", b"\x0b\x02\x0e\x1d", 1)
    folder = host(tmp_path / "lib", {"msvcp140.dll": old})
    path = wheel(tmp_path / "dist", TAG, {MODULE: module("MSVCP140.dll")})
    (line,) = ours(path, folder)[1]
    assert line.startswith(f"{MODULE}: made by a newer Visual C++ (14.36) than the MSVCP140.dll of the wheel (14.29)")
    command = ["show", "--add-path", str(folder), str(path)]
    done = subprocess.run([sys.executable, "-m", "delvewheel", *command], capture_output=True, text=True, check=True)
    assert "newer platform toolset (14.36) than the discovered msvcp140.dll (14.29)" in done.stderr
