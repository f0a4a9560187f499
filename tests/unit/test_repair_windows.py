"""What is decided about wheels for Windows: the DLLs that they take in, their tags, and what providers must have."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost
from madepe import Pe
from madeshares import plans
from smallwheels import wheel
from spoiled import signed

from nativewheel.errors import LinkageError, MachineError, ProviderError, UsageError
from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Kind, Requirement, Symbol
from nativewheel.formats.pe.toolset import linker_version
from nativewheel.linkage import loaders
from nativewheel.linkage.contents import WheelImage, WindowsTarget, read_contents
from nativewheel.linkage.dllsearch import DllSearch
from nativewheel.linkage.graph import Graph, GraphBuilder, Link, Reach
from nativewheel.linkage.naming import exported_identity, module_name
from nativewheel.linkage.provider import Chosen, Consideration, ProvidedLibrary, Provider, Variant
from nativewheel.repair.consuming import refuse_programs
from nativewheel.repair.exporting import Exported, find_exports
from nativewheel.repair.options import ExportRule, RepairOptions
from nativewheel.repair.runtimes import is_debug, is_unshared
from nativewheel.repair.windows import Windows
from nativewheel.wheel.archive import WheelArchive
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nativewheel.repair.platform import Choice

TAG = "cp311-cp311-win_amd64"
MODULE = "pkg/x.pyd"


def head(*version: int) -> bytes:
    """Return the beginning of an image that a linker of this version has made."""
    start = bytearray(0x100)
    struct.pack_into("<2s58xI", start, 0, b"MZ", 0x80)
    struct.pack_into("<4s20xHBB", start, 0x80, b"PE\0\0", 0x20B, *version)
    return bytes(start)


def image(
    *needed: str | Dependency, arch: Arch = Arch.X86_64, kind: Kind = Kind.LIBRARY, identity: str = "x.dll", imports: Mapping[str, str] | None = None
) -> WheelImage:
    dependencies = tuple(item if isinstance(item, Dependency) else Dependency(name=Identity(item)) for item in needed)
    made = Image(format=Format.PE, archs=(arch,), kind=kind, identity=Identity(identity), dependencies=dependencies)
    symbols = tuple(Symbol(name=name, library=Identity(dll)) for name, dll in (imports or {}).items())
    return WheelImage(member=Member(MODULE), installed=MODULE, size=1, image=made, imports=symbols)


def module(*needed: str | Dependency, imports: Mapping[str, str] | None = None) -> WheelImage:
    return image(*needed, kind=Kind.EXTENSION, identity="x.pyd", imports=imports)


def at(path: str, found: WheelImage) -> WheelImage:
    return WheelImage(member=Member(path), installed=path, size=found.size, image=found.image, imports=found.imports)


@pytest.fixture(name="platform")
def _platform(tmp_path: Path) -> Iterator[Windows]:
    with opened(tmp_path) as archive:
        yield Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)


def opened(folder: Path, members: Mapping[str, bytes] | None = None, tag: str = TAG) -> WheelArchive:
    return WheelArchive(wheel(folder / "dist", tag, members or {}))


def graph_of(platform: Windows, host: MadeHost, *images: WheelImage, lib_path: Path | None = None, allowed: tuple[str, str] = ("", "")) -> Graph:
    loader = platform.loader(platform.archive.name, images, host, RepairOptions(lib_path=(lib_path,) if lib_path else ()))
    return GraphBuilder(images=images, loader=loader, exclude=allowed[:1], allow_missing=allowed[1:]).build()


def chosen(platform: Windows, graph: Graph, plat: str | None = None) -> Choice:
    return platform.choose(platform.archive.name, graph, MadeHost(), RepairOptions(plat=plat))


def test_the_platform_says_what_it_is(platform: Windows) -> None:
    assert (platform.archs, platform.libc, str(platform)) == ((Arch.X86_64,), None, "Windows on x64")
    assert platform.runs(image().image)
    assert not platform.runs(image(arch=Arch.AARCH64).image)
    platform.refuse(platform.archive.name, (module(),), RepairOptions(require_archs=(Arch.AARCH64,)))


@pytest.mark.parametrize(("plat", "kept"), [("win_amd64", True), ("win32", False), ("win_arm64", False), ("manylinux_2_28", True)])
def test_what_was_promised(platform: Windows, plat: str, kept: bool) -> None:  # noqa: FBT001
    assert platform.keeps_promise(platform.archive.name, plat) is kept


def test_what_is_found_on_the_host_is_taken_in_and_the_tags_stay(platform: Windows, tmp_path: Path) -> None:
    host, folder = MadeHost(), tmp_path / "lib"
    bar = host.put(folder / "bar.dll", image("KERNEL32.dll", "baz.dll", identity="bar.dll").image)
    baz = host.put(folder / "baz.dll", image(identity="baz.dll").image)
    choice = chosen(platform, graph_of(platform, host, module("BAR.dll", "VCRUNTIME140.dll", "python311.dll"), lib_path=folder), "win_amd64")
    assert (choice.external, choice.platforms, choice.best) == ((bar, baz), ("win_amd64",), ("win_amd64",))
    assert choice.satisfied
    assert choice.warnings == ()


def test_path_is_searched_on_windows_only(platform: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = MadeHost()
    monkeypatch.setenv("PATH", str(tmp_path))
    given = tmp_path / "given"

    def folders(options: RepairOptions) -> tuple[Path, ...]:
        search = platform.loader(platform.archive.name, (), host, options)
        assert isinstance(search, DllSearch)
        return search.folders

    assert folders(RepairOptions(lib_path=(given,))) == (given,)
    monkeypatch.setattr(loaders, "ON_WINDOWS", True)
    assert [folders(RepairOptions(lib_path=(given,), sysroot=sysroot)) for sysroot in (None, tmp_path)] == [(given, tmp_path), (given,)]


def test_what_a_shim_is_for(platform: Windows, tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "bar.dll", image("inner.dll", identity="bar.dll").image)
    images = (
        module("bar.dll", "foo.dll", "kernel32.dll"),
        at("pkg/lib/foo.dll", image("inner.dll", identity="foo.dll")),
        at("pkg/deep/inner.dll", image(identity="inner.dll")),
    )
    graph = graph_of(platform, host, *images, lib_path=tmp_path)
    assert {link.name: platform.needs_shim(link) for link in graph.links[images[0].member]} == {
        "bar.dll": True,
        "foo.dll": False,
        "kernel32.dll": False,
    }
    assert platform.shim_folders(graph, "small.libs") == ("small.libs", "pkg/deep")
    assert platform.shim_folders(graph_of(platform, host, module("kernel32.dll")), None) == ()
    link = Link(dependency=Dependency(name=Identity("foo.dll")), reach=Reach.PROVIDER, chosen=choice_of("foo.dll", HAS))
    assert platform.needs_shim(link)


def test_the_folder_of_what_a_dll_forwards_to_is_for_the_shim(platform: Windows) -> None:
    """Also where both are in one: Windows looks beside what imports the symbol."""
    for requirement, folders in ((Requirement.FORWARDED, ("pkg/lib",)), (Requirement.REQUIRED, ())):
        front = image(Dependency(name=Identity("foo.dll"), requirement=requirement), identity="front.dll")
        graph = graph_of(platform, MadeHost(), at("pkg/lib/front.dll", front), at("pkg/lib/foo.dll", image(identity="foo.dll")))
        assert platform.shim_folders(graph, None) == folders


def test_the_folder_of_what_the_user_adds_is_for_the_shim(platform: Windows) -> None:
    added = WheelImage(
        member=Member("small.libs/foo.dll"),
        installed="small.libs/foo.dll",
        size=1,
        image=image(identity="foo.dll").image,
        imports=(),
        source=Path("x"),
    )
    graph = graph_of(platform, MadeHost(), module("foo.dll"), added)
    (link,) = graph.links[Member(MODULE)]
    assert (link.member, platform.needs_shim(link)) == (added.member, True)
    assert platform.shim_folders(graph, None) == ("small.libs",)


def test_dlls_whose_names_differ_in_case_only_are_not_exported_both(tmp_path: Path) -> None:
    members = {"pkg/a/foo.dll": Pe(base=1).build(), "pkg/b/Foo.dll": Pe(base=2, exports=(("made", None),)).build()}
    with opened(tmp_path, members) as archive, pytest.raises(LinkageError, match=r"both would be exported as nw_small__\w+\.dll"):
        find_exports(archive, read_contents(archive).images, [ExportRule(library=("*.dll",))])


def test_a_program_needs_a_copy_beside_it(platform: Windows) -> None:
    with pytest.raises(LinkageError, match="nothing can load that before a native program starts") as caught:
        refuse_programs(platform.archive, [image("foo.dll", kind=Kind.PROGRAM, identity="x.exe")])
    assert caught.value.hint == "let the build put a copy of the library beside the program"


def test_the_runtime_of_cpython_in_a_wheel_for_any_python(tmp_path: Path) -> None:
    with opened(tmp_path, tag="py3-none-win_amd64") as archive:
        platform = Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)
        graph = graph_of(platform, MadeHost(), module("VCRUNTIME140.dll", "vcruntime140_1.dll"))
        with pytest.raises(LinkageError) as caught:
            chosen(platform, graph)
    assert caught.value.hint is not None
    assert "--exclude 'vcruntime140*.dll' relies on CPython's" in caught.value.hint


def test_another_windows_is_refused(platform: Windows) -> None:
    with pytest.raises(UsageError, match=r"small-1\.0-cp311-cp311-win_amd64\.whl: --plat win32 is not what the wheel is made for") as caught:
        chosen(platform, graph_of(platform, MadeHost(), module()), "win32")
    assert caught.value.hint == "its platform is win_amd64"


def test_a_tag_of_another_family_is_for_other_wheels(platform: Windows) -> None:
    assert chosen(platform, graph_of(platform, MadeHost(), module()), "manylinux_2_28").platforms == ("win_amd64",)


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (("foo.dll",), "a DLL was not found: foo.dll (wanted by pkg/x.pyd)", "--lib-path"),
        (("foo.dll", "MSVCP140.dll"), "2 DLLs were not found: foo.dll (wanted by pkg/x.pyd), msvcp140.dll (wanted by pkg/x.pyd)", "VC\\Redist"),
        (("vcruntime140d.dll",), "a DLL was not found: vcruntime140d.dll", "for release"),
        ((Dependency(name=Identity("late.dll"), requirement=Requirement.DELAYED),), "a DLL was not found: late.dll", "--exclude"),
    ],
)
def test_a_missing_dll_is_refused(platform: Windows, names: tuple[str | Dependency, ...], message: str, hint: str) -> None:
    with pytest.raises(LinkageError) as caught:
        chosen(platform, graph_of(platform, MadeHost(), module(*names)))
    assert caught.value.message.startswith(message)
    assert hint in (caught.value.hint or "")


def test_what_may_be_missing(platform: Windows) -> None:
    graph = graph_of(platform, MadeHost(), module("foo.dll", "bar.dll"), allowed=("foo.*", "bar.dll"))
    assert chosen(platform, graph).external == ()


def test_the_runtime_does_without_what_it_wants_on_windows_xp(platform: Windows) -> None:
    graph = graph_of(platform, MadeHost(), at("pkg.libs/msvcp140-1a2b3c4d.dll", image("concrt140.dll", identity="msvcp140-1a2b3c4d.dll")))
    assert chosen(platform, graph).warnings == ()


def test_what_only_a_program_lacks_is_told(platform: Windows, tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "foo.dll", image(identity="foo.dll").image)
    program = at("pkg/x.exe", image("foo.dll", kind=Kind.PROGRAM, identity="x.exe"))
    choice = chosen(platform, graph_of(platform, host, program, lib_path=tmp_path))
    assert choice.external == ()
    assert choice.warnings == (
        "pkg/x.exe: needs foo.dll, which a program finds only beside itself, in Windows or on PATH; a repair puts it into none of these",
    )


@pytest.mark.parametrize("kind", [Kind.PROGRAM, Kind.LIBRARY])
def test_what_lies_beside_in_a_scheme_without_a_known_place_is_found(platform: Windows, kind: Kind) -> None:
    scripts, data = "small-1.0.data/scripts", "small-1.0.data/data/bin"
    asker = replace(at(f"{scripts}/asker", image("FOO", kind=kind)), installed=None)
    beside = replace(at(f"{scripts}/foo.dll", image()), installed=None)
    elsewhere = replace(beside, member=Member(f"{data}/foo.dll"))
    (link,) = graph_of(platform, MadeHost(), elsewhere, asker, beside).links[asker.member]
    assert (link.reach, link.member, platform.needs_shim(link)) == (Reach.MEMBER, beside.member, False)
    (link,) = graph_of(platform, MadeHost(), elsewhere, asker).links[asker.member]
    assert link.reach is Reach.NOWHERE


def test_what_a_module_lacks_as_well_is_an_error(platform: Windows) -> None:
    program = at("pkg/a.exe", image("foo.dll", kind=Kind.PROGRAM, identity="a.exe"))
    with pytest.raises(LinkageError, match=r"foo\.dll \(wanted by pkg/x\.pyd\)"):
        chosen(platform, graph_of(platform, MadeHost(), program, module("FOO.dll")))


def test_the_python_of_msys2_is_refused(platform: Windows, tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "libpython3.11.dll", image(identity="libpython3.11.dll").image)
    with pytest.raises(LinkageError, match=r"pkg/x\.pyd: needs libpython3\.11\.dll, the Python of MSYS2"):
        chosen(platform, graph_of(platform, host, module("libpython3.11.dll"), lib_path=tmp_path))


def test_another_python_is_told(platform: Windows) -> None:
    choice = chosen(platform, graph_of(platform, MadeHost(), module("python310.dll", "python3.dll")))
    assert choice.warnings == ("pkg/x.pyd: needs python310.dll, which a Python that can install the wheel (cp311) does not have",)


@pytest.mark.parametrize(
    ("name", "unshared"),
    [
        *(
            (name, True)
            for name in ("MSVCP140.dll", "msvcp140_atomic_wait.dll", "concrt140.dll", "vcruntime140_1.dll", "ucrtbase.dll", "msvcr120.dll")
        ),
        *((name, True) for name in ("libstdc++-6.dll", "libgcc_s_seh-1.dll", "libwinpthread-1.dll", "libc++.dll", "mfc140u.dll")),
        *((name, False) for name in ("vcomp140.dll", "libgomp-1.dll", "libopenblas.dll", "msvc.dll", "mylibstdc++-6.dll", "libgccjit-0.dll")),
    ],
)
def test_what_is_never_shared(name: str, unshared: bool) -> None:  # noqa: FBT001
    assert is_unshared(name) is unshared


@pytest.mark.parametrize(
    ("name", "debug"),
    [
        *((name, True) for name in ("vcruntime140d.dll", "VCRUNTIME140_1D.dll", "msvcp140d.dll", "ucrtbased.dll", "mfc140ud.dll", "msvcr120d.dll")),
        *((name, False) for name in ("vcruntime140.dll", "msvcp140_codecvt_ids.dll", "libd.dll", "msvcrt.dll", "mfc140u.dll")),
    ],
)
def test_what_is_for_debugging(name: str, debug: bool) -> None:  # noqa: FBT001
    assert is_debug(name) is debug


@pytest.mark.parametrize(
    ("made", "runtime", "old"),
    [((14, 44), (14, 29), True), ((14, 41), (14, 40), False), ((14, 29), (14, 44), False), ((14, 0), (9, 0), True), ((2, 38), (14, 29), False)],
)
def test_a_runtime_that_is_older_than_what_it_serves_is_told(
    tmp_path: Path,
    made: tuple[int, int],
    runtime: tuple[int, int],
    old: bool,  # noqa: FBT001
) -> None:
    host = MadeHost()
    path = host.put(tmp_path / "lib" / "msvcp140.dll", image(identity="msvcp140.dll").image)
    path.write_bytes(head(*runtime))
    with opened(tmp_path, {MODULE: head(*made)}) as archive:
        platform = Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)
        choice = chosen(platform, graph_of(platform, host, module("MSVCP140.dll"), lib_path=tmp_path / "lib"))
    told = f"pkg/x.pyd: made by a newer Visual C++ ({made[0]}.{made[1]}) than the MSVCP140.dll of the wheel ({runtime[0]}.{runtime[1]})"
    assert [line.partition(",")[0] for line in choice.warnings] == ([told] if old else [])


def test_a_runtime_that_the_wheel_holds_already_and_a_library_of_the_host_count_too(tmp_path: Path) -> None:
    host = MadeHost()
    bar = host.put(tmp_path / "lib" / "bar.dll", image("msvcp140.dll", identity="bar.dll").image)
    bar.write_bytes(head(14, 44))
    with opened(tmp_path, {MODULE: head(14, 29), "pkg/msvcp140.dll": head(14, 29)}) as archive:
        platform = Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)
        images = (module("bar.dll", "msvcp140.dll"), at("pkg/msvcp140.dll", image(identity="msvcp140.dll")))
        links = dict(graph_of(platform, host, *images, lib_path=tmp_path / "lib").links)
        assert links[bar][0].member == "pkg/msvcp140.dll"
        choice = chosen(platform, graph_of(platform, host, *images, lib_path=tmp_path / "lib"))
    assert [line.partition(",")[0] for line in choice.warnings] == [
        "bar.dll: made by a newer Visual C++ (14.44) than the msvcp140.dll of the wheel (14.29)"
    ]


def test_a_library_that_vanishes_is_an_error_of_the_machine(tmp_path: Path) -> None:
    host = MadeHost()
    path = host.put(tmp_path / "lib" / "msvcp140.dll", image(identity="msvcp140.dll").image)
    with opened(tmp_path, {MODULE: head(14, 44)}) as archive:
        platform = Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)
        graph = graph_of(platform, host, module("msvcp140.dll"), lib_path=tmp_path / "lib")
        path.unlink()
        with pytest.raises(MachineError, match=r"msvcp140\.dll: cannot be read"):
            chosen(platform, graph)


def test_a_debug_runtime_is_told(tmp_path: Path) -> None:
    host = MadeHost()
    host.put(tmp_path / "lib" / "ucrtbased.dll", image(identity="ucrtbased.dll").image)
    with opened(tmp_path, {MODULE: head(14, 44)}) as archive:
        platform = Windows(target=WindowsTarget(arch=Arch.X86_64), archive=archive)
        choice = chosen(platform, graph_of(platform, host, module("ucrtbased.dll"), lib_path=tmp_path / "lib"))
    assert choice.warnings == ("pkg/x.pyd: needs ucrtbased.dll, a debug runtime, which its licence does not allow to pass on; build it for release",)


@pytest.mark.parametrize("data", [b"", b"MZ", head(14, 29)[:0x99], head(14, 29).replace(b"PE\0\0", b"NE\0\0"), b"MZ" + b"\xff" * 98])
def test_a_head_that_tells_nothing_of_the_linker(data: bytes) -> None:
    assert linker_version(data) is None


def choice_of(name: str, *tables: Mapping[str, frozenset[str | None]]) -> Chosen:
    """Make a choice with one variant for each table of symbols."""
    original, variants = Identity(name), []
    for number, symbols in enumerate(tables):
        library = ProvidedLibrary(
            original=original,
            identity=exported_identity(module_name("core"), original),
            member="x",
            format=Format.PE,
            archs=(Arch.X86_64,),
            libc=None,
            requires="",
            symbols=lambda symbols=symbols: symbols,  # type: ignore[misc]
        )
        provider = Provider(
            distribution="core",
            version="1.0",
            namespace="nw_core",
            module="nw_core",
            name=None,
            libraries=(library,),
            origin=f"core-{number}.whl",
            considered_because=Consideration.SET,
        )
        variants.append(Variant(provider=provider, library=library))
    return Chosen(
        distribution="core",
        version="1.0",
        original=original,
        identity=variants[0].library.identity,
        requires="",
        marker=None,
        pointed=True,
        variants=tuple(variants),
    )


def provided(asker: WheelImage, choice: Chosen, name: str) -> Graph:
    link = Link(dependency=Dependency(name=Identity(name)), reach=Reach.PROVIDER, chosen=choice)
    return Graph(images={asker.member: asker}, libraries={}, links={asker.member: (link,)}, matched=frozenset())


HAS: Mapping[str, frozenset[str | None]] = {"foo_add": frozenset({None}), "#7": frozenset({None})}


@pytest.mark.parametrize(
    ("imports", "missing"),
    [
        ({"foo_add": "Foo.dll"}, None),
        ({"#7": "foo.dll"}, None),
        ({"foo_sub": "FOO.dll"}, "foo_sub"),
        ({"#8": "foo.dll"}, "#8"),
        ({"foo_sub": "bar.dll", "foo_add": "foo"}, None),
    ],
)
def test_symbols_that_a_provider_must_have(platform: Windows, imports: Mapping[str, str], missing: str | None) -> None:
    graph = provided(module("foo.dll", imports=imports), choice_of("foo.dll", HAS), "foo.dll")
    if missing is None:
        platform.check_symbols(platform.archive, graph, MadeHost(), {}, RepairOptions())
        return
    with pytest.raises(ProviderError, match=rf"pkg/x\.pyd: wants {missing}, which core-0\.whl does not export from foo\.dll"):
        platform.check_symbols(platform.archive, graph, MadeHost(), {}, RepairOptions())


def test_every_variant_must_have_them(platform: Windows) -> None:
    graph = provided(module("foo.dll", imports={"#7": "foo.dll"}), choice_of("foo.dll", HAS, {"foo_add": frozenset({None})}), "foo.dll")
    with pytest.raises(ProviderError, match=r"wants #7, which core-1\.whl does not export"):
        platform.check_symbols(platform.archive, graph, MadeHost(), {}, RepairOptions())


def test_dlls_of_the_host_are_checked_too(platform: Windows, tmp_path: Path) -> None:
    host, asker = MadeHost(), module("bar.dll")
    path = host.put(tmp_path / "bar.dll", image("foo.dll").image, imports=[Symbol(name="foo_sub", library=Identity("foo.dll"))])
    library = host.get(path)
    assert library
    graph = provided(asker, choice_of("foo.dll", HAS), "foo.dll")
    (link,) = graph.links[asker.member]
    graph = Graph(images=graph.images, libraries={path: library}, links={asker.member: (), path: (link,)}, matched=frozenset())
    with pytest.raises(ProviderError, match=r"bar\.dll: wants foo_sub, which core-0\.whl does not export"):
        platform.check_symbols(platform.archive, graph, host, {}, RepairOptions())


def test_runtimes_cannot_be_exported(platform: Windows) -> None:
    runtime = at("pkg/libstdc++-6.dll", image(identity="libstdc++-6.dll"))
    exported = Exported(
        image=runtime,
        copies=(),
        original=Identity("libstdc++-6.dll"),
        identity=Identity("nw_small__libstdc++-6.dll"),
        member=Member("pkg/nw_small__libstdc++-6.dll"),
        rule=ExportRule(library=("*",)),
        anchor=None,
        link=None,
        renames={},
        kept=(),
        binding=None,
        is_global=False,
    )
    graph = Graph(images={runtime.member: runtime}, libraries={}, links={runtime.member: ()}, matched=frozenset())
    with pytest.raises(LinkageError, match=r"pkg/libstdc\+\+-6\.dll: libstdc\+\+-6\.dll is a C\+\+ runtime, and those are not shared"):
        platform.check_symbols(platform.archive, graph, MadeHost(), {runtime.member: exported}, RepairOptions())


def test_who_loses_a_signature_is_told(tmp_path: Path) -> None:
    (tmp_path / "first.dll").write_bytes(signed(Pe(imports=(("second.dll", ("f",)),)).build()))
    (tmp_path / "second.dll").write_bytes(signed(Pe(exports=(("f", None),)).build()))
    source = wheel(tmp_path / "in", TAG, {"pkg/__init__.py": b"", "pkg/x.pyd": signed(Pe(imports=(("first.dll", ("g",)),)).build())})
    (found,) = plans([source], RepairOptions(lib_path=(tmp_path,)))
    first, second = sorted(library.member for library in found.vendored)
    assert [line.partition(":")[0] for line in found.warnings if "the signature of its certificate is lost" in line] == ["pkg/x.pyd", first]
    assert "second" in second
    exported = ExportRule(library=("pkg/second.dll",), distribution="small", requires="=={version}")
    source = wheel(tmp_path / "exporting", TAG, {"pkg/__init__.py": b"", "pkg/second.dll": (tmp_path / "second.dll").read_bytes()})
    (found,) = plans([source], RepairOptions(export=(exported,)))
    assert (len(found.exports), found.warnings) == (1, ())
