"""Where dyld looks: in the wheel, and on the build host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost

from nativewheel.formats.image import Arch, Dependency, Format, Identity, Image, Kind
from nativewheel.linkage.contents import WheelImage
from nativewheel.linkage.dyld import DyldSearch
from nativewheel.linkage.graph import GraphBuilder, Reach
from nativewheel.linkage.search import Asker
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path

ARM = (Arch.AARCH64,)
BOTH = (Arch.AARCH64, Arch.X86_64)


def image(*needs: str, rpaths: tuple[str, ...] = (), archs: tuple[Arch, ...] = ARM, identity: str | None = None) -> Image:
    return Image(
        format=Format.MACHO,
        archs=archs,
        kind=Kind.LIBRARY,
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
        ("@rpath/libpython3.11.dylib", False, True),
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
