"""Libraries of published wheels moved into a provider's folder: those and the modules that need them run in the emulated dyld."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from machobinding import DyldError
from machoemulator import RTLD_GLOBAL, RTLD_NOW
from machofile import MachO
from machopython import Python
from realwheels import MACOS, published

from nativewheel.formats.image import Edit, FlatBinding, Identity
from nativewheel.formats.macho.writer import apply


class Case(NamedTuple):
    """A project, what is shared of its libraries, a function to call and its result."""

    project: str
    shared: tuple[str, ...]
    library: str
    function: str
    expected: int


CASES = {
    "libpq": Case("psycopg2_binary", ("libpq.",), "libpq.", "PQlibVersion", 160004),
    "libwebp": Case("pillow", ("libwebp", "libsharpyuv"), "libwebpmux", "WebPGetMuxVersion", 0x10500),
}
ARCHS = ("arm64", "x86_64")

pytestmark = pytest.mark.network


class Moved:
    """A wheel without some of its libraries, and the folder that has them."""

    def __init__(self, root: Path, wheel: Path, name: str, shared: tuple[str, ...]) -> None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root / "user")
        self.name = name
        self.images = sorted(path for path in (root / "user").rglob("*") if path.suffix in {".so", ".dylib"})
        self.folder = root / "provider"
        self.folder.mkdir()
        libraries = [path for path in self.images if path.suffix == ".dylib" and path.name.startswith(shared)]
        self.renames = {path.name: self._renames(path) for path in libraries}
        for path in libraries:
            self._share(path)
        self.consumers = [path for path in self.images if path.exists() and self._wanted(path)]
        for path in self.consumers:
            self._bind(path)

    def symbol(self, name: str) -> str:
        return f"nw_{self.name}__{name}"

    def _renames(self, path: Path) -> tuple[tuple[str, str], ...]:
        exports = MachO(path.read_bytes()).exports
        return tuple((old, "_" + self.symbol(old.removeprefix("_"))) for old, export in exports.items() if not export.weak)

    def _wanted(self, path: Path) -> list[str]:
        """Return the names of shared libraries as an image has them."""
        return [dylib.name for dylib in MachO(path.read_bytes()).dylibs if Path(dylib.name).name in self.renames]

    def _identity(self, leaf: str) -> Identity:
        return Identity(f"@rpath/nw_{self.name}_{leaf}")

    def _share(self, path: Path) -> None:
        """Siblings are bound by name; what else the library needs stays where it is."""
        names = [dylib.name for dylib in MachO(path.read_bytes()).dylibs]
        here = {name: f"@loader_path/nw_{Path(name).name}" for name in names if Path(name).name in self.renames}
        back = os.path.relpath(path.parent, self.folder)
        there = {name: f"@loader_path/{back}/{Path(name).name}" for name in names if name.startswith("@") and name not in here}
        edit = Edit(
            identity=self._identity(path.name),
            rename_symbols=self.renames[path.name],
            replace=tuple((Identity(old), Identity(new)) for old, new in (here | there).items()),
            rename_imports=tuple((Identity(name), self.renames[Path(name).name]) for name in here),
        )
        apply(path, edit, self.folder / f"nw_{path.name}")
        path.unlink()

    def _bind(self, path: Path) -> None:
        wanted = ((name, Path(name).name) for name in self._wanted(path))
        flat = tuple(FlatBinding(dependency=Identity(name), identity=self._identity(leaf), renames=self.renames[leaf]) for name, leaf in wanted)
        moved = path.rename(path.with_name("before"))
        apply(moved, Edit(flat=flat), path)
        moved.unlink()


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_real_library_is_shared(case: Case, arch: str, tmp_path: Path) -> None:
    (wheel,) = (name for name in MACOS if name.startswith(case.project) and name.endswith(f"{arch}.whl"))
    python = Python(arch, any_system=True)
    for name in ("one", "two"):
        moved = Moved(tmp_path / name, published(wheel), name, case.shared)
        assert len(moved.renames) >= len(case.shared)
        assert moved.consumers
        _load_in_order(python, moved)
        (library,) = (path for path in moved.folder.iterdir() if case.library in path.name)
        assert python.call(python.dlsym(python.dlopen(library), moved.symbol(case.function))) == case.expected


def _load_in_order(python: Python, moved: Moved) -> None:
    """Load consumers without the provider, the provider, then all consumers."""
    for path in moved.consumers:
        with pytest.raises(DyldError, match=f"symbol not found in flat namespace '_nw_{moved.name}__"):
            python.dlopen(path)
    for path in sorted(moved.folder.iterdir()):
        python.dlopen(path, RTLD_NOW | RTLD_GLOBAL)
    for path in moved.images:
        if path.exists():
            python.dlopen(path)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("project", ["h5py", "pillow", "psycopg2_binary", "pyarrow", "shapely"])
def test_all_libraries_are_shared(project: str, arch: str, tmp_path: Path) -> None:
    """Between them they have C++ with weak definitions, thread-local variables, lazy binds, chains, and links in every direction."""
    (wheel,) = (name for name in MACOS if name.startswith(project) and name.endswith(f"{arch}.whl"))
    moved = Moved(tmp_path, published(wheel), "one", ("lib",))
    assert len(moved.renames) > 1
    python = Python(arch, any_system=True)
    for path in sorted(moved.folder.iterdir()):
        python.dlopen(path, RTLD_NOW | RTLD_GLOBAL, initialize=False)
    for path in moved.images:
        if path.exists():
            python.dlopen(path, initialize=False)
