"""Libraries of published macOS wheels moved to wheels of their own, and both repaired by one call: all images load in the emulated dyld."""

from __future__ import annotations

import zipfile
from email import message_from_string
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL
from machofile import MachO
from macshares import machine
from macsharewheels import INIT, repaired
from realwheels import MACOS, published
from sharedwheels import requirements_of, text_of
from smallwheels import wheel

from nativewheel.formats.macho.signature import verify
from nativewheel.formats.macho.slices import opened

if TYPE_CHECKING:
    from pathlib import Path

    from macsharewheels import Repaired

pytestmark = pytest.mark.network


class Case(NamedTuple):
    """A project, the libraries that move, which of them are exported, and what the project's package is called."""

    project: str
    version: str
    package: str
    moved: tuple[str, ...]
    exported: tuple[str, ...]
    library: str
    function: str
    expected: int

    def source(self, arch: str) -> Path:
        (name,) = (name for name in MACOS if name.startswith(f"{self.project}-") and name.endswith(f"{arch}.whl"))
        return published(name)


CASES = {
    "libpq": Case("psycopg2_binary", "2.9.10", "psycopg2", ("*",), ("libpq.*", "libssl.*", "libcrypto.*"), "pq.5", "PQlibVersion", 160004),
    "libwebp": Case("pillow", "11.3.0", "PIL", ("libwebp*", "libsharpyuv*"), ("libwebp*",), "webpmux.3", "WebPGetMuxVersion", 0x10500),
}


def split(case: Case, arch: str, folder: Path) -> tuple[Path, Path]:
    """Make two wheels of a published one: a provider of the libraries that move, and the project without them."""
    source = case.source(arch)
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}
    moved = {name for name in files if "/.dylibs/" in name and any(fnmatchcase(name.rpartition("/")[2], glob) for glob in case.moved)}
    libraries = {f"shared/lib/{name.rpartition('/')[2]}": files.pop(name) for name in moved}
    tags = source.stem.partition(f"-{case.version}-")[2]
    provider = wheel(folder, f"py3-none-{tags.split('-')[2]}", {"shared/__init__.py": INIT, **libraries}, name="shared", version="3.1")
    return provider, wheel(folder, tags, files, name=case.project, version=case.version, requires=["shared"])


class Split(NamedTuple):
    """A project and the wheels that were made of it."""

    case: Case
    arch: str
    wheels: Repaired


@pytest.fixture(scope="module", params=[(name, arch) for name in CASES for arch in ("arm64", "x86_64")], ids="-".join)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Split:
    name, arch = request.param
    folder = tmp_path_factory.mktemp("real")
    globs = ", ".join(f'"shared/lib/{glob}"' for glob in CASES[name].exported)
    part = f'[[tool.nativewheel.export]]\ndistribution = "shared"\nlibrary = [{globs}]\nrequires = "=={{major}}.*,>={{version}}"\n'
    return Split(CASES[name], arch, repaired(split(CASES[name], arch, folder / "dist"), folder, part))


def test_all_images_load(shared: Split) -> None:
    """The consumer's modules after its shim, and the provider's libraries, with nothing but what the two wheels have."""
    case, wheels = shared.case, shared.wheels
    with machine(shared.arch, any_system=True) as mac:
        mac.path += wheels.folders.values()
        mac.load_libraries(case.project)
        opened_names = [name for name, mode in mac.ctypes.opened if mode == RTLD_GLOBAL]
        assert len(opened_names) == len(mac.ctypes.opened) >= len(case.exported)
        modules = sorted(wheels.folders[case.project].rglob("*.so"))
        for path in [*modules, *sorted(wheels.folders["shared"].rglob("*.dylib"))]:
            mac.python.dlopen(path)
        library = mac.python.dlopen(wheels.file("shared", f"libnw_shared__{case.library}.dylib"))
        assert mac.python.call(mac.python.dlsym(library, f"nw_shared__{case.function}")) == case.expected
        assert len([path for path in mac.images(*(path.name for path in modules)) if path]) == len(modules)


def test_absent_provider(shared: Split) -> None:
    case, wheels = shared.case, shared.wheels
    with machine(shared.arch, any_system=True) as mac:
        mac.path += wheels.only(case.project)
        with pytest.raises(ImportError, match=r"shared==3\.\*,>=3\.1, but it was not found"):
            mac.load_libraries(case.project)
        users = [path for path in wheels.folders[case.project].rglob("*.so") if any("nw_shared" in name for name, _ in _dylibs(path))]
        assert users
        for path in users:
            with pytest.raises(DyldError, match="symbol not found in flat namespace '_nw_shared__"):
                mac.python.dlopen(path)


def _dylibs(path: Path) -> list[tuple[str, str]]:
    return [(dylib.name, dylib.kind) for dylib in MachO(path.read_bytes()).dylibs]


def test_what_the_wheels_say(shared: Split) -> None:
    case, wheels = shared.case, shared.wheels
    assert requirements_of(wheels.outputs[case.project]) == ["shared", "shared==3.*,>=3.1"]
    assert message_from_string(text_of(wheels.outputs[case.project], "METADATA"))["Name"] == case.project
    assert f'__import__("nw_{case.project}").load()' in text_of(wheels.outputs[case.project], f"{case.package}/__init__.py")
    assert {path.name for path in wheels.outputs.values()} == {path.name for path in wheels.inputs.values()}
    assert wheels.outputs[case.project].stat().st_size < case.source(shared.arch).stat().st_size


def test_what_was_written(shared: Split) -> None:
    """Consumers say weak, libraries of the one wheel stay bound to each other, and every signature is right."""
    case, wheels = shared.case, shared.wheels
    for name, folder in wheels.folders.items():
        for path in [*folder.rglob("*.so"), *folder.rglob("*.dylib")]:
            with opened(path.read_bytes()) as file:
                assert [verify(image).problem for image in file.slices] == [None]
            named = [(dylib, kind) for dylib, kind in _dylibs(path) if "nw_shared" in dylib]
            expected = {("@rpath", "weak")} if name == case.project else {("@loader_path", "load")}
            assert {(dylib.partition("/")[0], kind) for dylib, kind in named} <= expected
