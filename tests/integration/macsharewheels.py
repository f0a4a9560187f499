"""Wheels for macOS that share libraries, made of samples: providers and consumers of every kind, repaired by one call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest
from machofile import MachO, slice_for
from machosamples import Samples, linkers
from macshares import Mac, machine
from sharedwheels import by_name, config, unpacked
from smallwheels import wheel

import nativewheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

TIGHT = ("-headerpad", "8", "-rpath", "@loader_path/somewhere")
"""Leaves 8 bytes for longer names."""

WITHOUT_SHIM = {"NATIVEWHEEL_SKIP": "1"}
INIT = b'"""A package."""\n'


def export(distribution: str, **more: object) -> str:
    """Return the configuration that exports the libraries in the lib folder of a package."""
    lines = [f"{key.replace('_', '-')} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in more.items()]
    entry = (f'distribution = "{distribution}"', f'library = ["{distribution}/lib/*.dylib"]', 'requires = "=={major}.*,>={version}"')
    return "\n".join(["[[tool.nativewheel.export]]", *entry, *lines, ""])


def provider(folder: Path, arch: str, name: str, *libraries: Path, files: Mapping[str, bytes] | None = None, requires: Iterable[str] = ()) -> Path:
    """Make a wheel that has the libraries in its lib folder."""
    members = {f"{name}/lib/{path.name}": path.read_bytes() for path in libraries}
    return wheel(folder, f"py3-none-macosx_11_0_{arch}", {f"{name}/__init__.py": INIT, **members, **(files or {})}, name=name, requires=requires)


def consumer(
    folder: Path, arch: str, name: str, module: Path, *requires: str, place: str | None = None, files: Mapping[str, bytes] | None = None
) -> Path:
    """Make a wheel that has the extension module in a regular package, or else in the folder ``place``, which may be ""."""
    package = {f"{name}/__init__.py": INIT} if place is None else {}
    member = f"{name if place is None else place}/{module.name}".removeprefix("/")
    everything = {**package, member: module.read_bytes(), **(files or {})}
    return wheel(folder, f"cp38-abi3-macosx_11_0_{arch}", everything, name=name, requires=requires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Wheels that were repaired in one call, and each of them installed in a folder of its own."""

    inputs: dict[str, Path]
    outputs: dict[str, Path]
    folders: dict[str, Path]

    def only(self, *names: str) -> list[Path]:
        """Return the folders of some distributions."""
        return [self.folders[name] for name in names]

    def file(self, name: str, leaf: str) -> Path:
        """Return an installed file."""
        (found,) = self.folders[name].rglob(leaf)
        return found


def repaired(wheels: Iterable[Path], folder: Path, *parts: str, **options: object) -> Repaired:
    """Repair a set of wheels in one call."""
    paths = list(wheels)
    nativewheel.repair(paths, wheel_dir=folder / "out", config=config(folder, *parts), **options)  # type: ignore[arg-type]
    outputs = by_name(folder / "out")
    folders = {name: unpacked(path, folder / "apart" / name) for name, path in outputs.items()}
    return Repaired(inputs={path.name.partition("-")[0]: path for path in paths}, outputs=outputs, folders=folders)


PARTS = (
    *map(export, ("one", "two", "less", "shape1", "shape2", "fronts", "rings", "mids")),
    *(export(name, binding="install-name") for name in ("named3", "named4", "namedshape")),
    '[[tool.nativewheel.overrides]]\nselect = "user2-*"\n[tool.nativewheel.overrides.providers]\n"libfoo.dylib" = "two"\n',
)

_made: dict[Path, Repaired] = {}


def everything(samples: Samples) -> Repaired:
    """Make and repair the whole set, once in a run of pytest."""
    folder = samples.folder.parent / "macho-shares" / samples.linker / samples.arch
    if folder not in _made:
        host = folder / "host"
        host.mkdir(parents=True, exist_ok=True)
        (host / "libhost.dylib").write_bytes(samples.mid("host").read_bytes())
        dist = folder / "dist"
        wheels = [*_consumers(samples, dist), *_providers(samples, dist)]
        _made[folder] = repaired(wheels, folder, *PARTS, lib_path=[host])
    return _made[folder]


def _providers(samples: Samples, folder: Path) -> Iterator[Path]:
    libraries = {
        "one": (samples.foo(1),),
        "two": (samples.foo(2),),
        "less": (samples.foo(less=True),),
        "shape1": (samples.shape(),),
        "shape2": (samples.shape(),),
        "fronts": (samples.front(), samples.foo(2)),
        "rings": samples.ring(),
        "mids": (samples.mid(),),
        "named3": (samples.foo(3),),
        "named4": (samples.foo(4),),
        "namedshape": (samples.shape(),),
    }
    for name, paths in libraries.items():
        yield provider(folder, samples.arch, name, *paths, requires=["one"] if name == "mids" else ())


def _consumers(samples: Samples, folder: Path) -> Iterator[Path]:
    def made(name: str, module: Path, *requires: str, place: str | None = None, files: Mapping[str, bytes] | None = None) -> Path:
        return consumer(folder, samples.arch, name, module, *requires, place=place, files=files)

    bar, drawing = samples.bar(), samples.drawing()
    yield made("user1", bar, "one")
    yield made("user2", bar)
    yield made("far2", samples.bar(far=True), "two")
    yield made("space1", bar, "one", place="space")
    yield made("space2", bar, "two", place="space/deep")
    yield made("top2", bar, "two", place="")
    yield made("userless", bar, "less")
    yield made("tight", samples.bar(*TIGHT), "one")
    yield made("drawer1", drawing, "shape1")
    yield made("drawer2", drawing, "shape2")
    yield made("bazzer", samples.baz())
    yield made("ringuser", samples.ringer())
    yield made("pair", samples.outer(foo=True), "one", "mids")
    inner = {"inner/lib/libinner.dylib": samples.mid("inner").read_bytes()}
    yield made("inner", samples.outer("inner", "-rpath", "@loader_path/lib"), "one", files=inner)
    yield made("vendor", samples.outer("host"), "one")
    yield made("nuser3", bar, "named3")
    yield made("nuser4", bar, "named4")
    yield made("ndrawer", drawing, "namedshape")
    if samples.linker != "zig":
        yield made("weakly", samples.bar(how=("-weak_library",)), "one")
        yield made("bundle", samples.bar("-bundle"), "one")
        yield made("flat", samples.bar("-flat_namespace"), "one")


class Setting(NamedTuple):
    """The repaired wheels of one linker, and a Python."""

    samples: Samples
    wheels: Repaired
    mac: Mac

    def load(self, module: str, *distributions: str, **environment: str) -> ModuleType:
        """Import a module with these distributions, and those before, on sys.path."""
        self.mac.path += self.wheels.only(*distributions)
        return self.mac.load(module, **environment)

    def file(self, distribution: str, leaf: str) -> MachO:
        """Read an installed image."""
        return MachO(slice_for(self.wheels.file(distribution, leaf).read_bytes(), self.mac.python.arch))


@contextmanager
def started(kind: tuple[str, str, str], folder: Path) -> Iterator[Setting]:
    """Start a Python for the wheels of a linker, an architecture and a processor; ``folder`` is that of the samples."""
    linker, arch, cpu = kind
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    samples = Samples(linker=linker, arch=arch, folder=folder)
    with machine(cpu) as mac:
        yield Setting(samples, everything(samples), mac)
