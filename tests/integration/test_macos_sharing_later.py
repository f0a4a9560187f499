"""Consumers for macOS that are built after their provider was repaired: zig and ld64.lld link with its plain name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from machofile import MachO, slice_for
from machosamples import Samples, kinds, linkers, sample_folder
from macshares import Mac, machine
from macsharewheels import Repaired, consumer, everything, repaired
from sharedwheels import requirements_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOO = ("version", "add", "counter", "table", "own", "own_there", "maybe", "maybe_data", "length")
UNIQUE = tuple(f"-Dfoo_{name}=nw_one__foo_{name}" for name in FOO)


class Later(NamedTuple):
    """Providers that are installed, and a Python."""

    samples: Samples
    providers: Repaired
    mac: Mac
    folder: Path

    def linked(self, module: str, provider: str, library: str, *defines: str) -> Path:
        """Link a module with ``-L`` of the installed provider and ``-l``."""
        return self.samples.later(module, library, self.providers.folders[provider] / provider / "lib", *defines)

    def dylibs(self, path: Path) -> dict[str, str]:
        return {dylib.name: dylib.kind for dylib in MachO(slice_for(path.read_bytes(), self.mac.python.arch)).dylibs}

    def repaired(self, module: Path, provider: str) -> Repaired:
        """Repair a consumer with that module, where the provider is unpacked, and put both on the path of the Python."""
        site = self.providers.folders[provider]
        result = repaired([consumer(self.folder, self.samples.arch, "later", module)], self.folder, provider=[site])
        self.mac.path += [site, *result.folders.values()]
        return result


@pytest.fixture(params=kinds("zig", "opcodes", "chains"), ids="-".join)
def later(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Later]:
    linker, arch, cpu = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    samples = Samples(linker=linker, arch=arch, folder=sample_folder(tmp_path_factory))
    with machine(cpu) as mac:
        yield Later(samples, everything(samples), mac, tmp_path)


@pytest.mark.parametrize(("name", "value", "kind"), [("one", 1, "weak"), ("two", 2, "weak"), ("named3", 3, "load")])
def test_plain_name(later: Later, name: str, value: int, kind: str) -> None:
    """The linker finds the stub, writes the unique install name and plain symbols, and the repair makes them unique, too."""
    module = later.linked("bar", name, "foo")
    assert later.dylibs(module)[f"@rpath/libnw_{name}__foo.dylib"] == "load"
    result = later.repaired(module, name)
    assert later.dylibs(result.file("later", "_bar.so"))[f"@rpath/libnw_{name}__foo.dylib"] == kind
    assert requirements_of(result.outputs["later"]) == [f"{name}==1.*,>=1.0"]
    bar = later.mac.load("later._bar")
    assert [bar.bar_version(), bar.bar_count(), bar.bar_maybe()] == [value, value * 100 + 1, value + 50]
    assert later.samples.linker == "zig" or bar.bar_own() == value + 1


def test_unique_name(later: Later) -> None:
    """Linked with the library itself, whose symbols are unique by then."""
    module = later.linked("bar", "one", "nw_one__foo", *UNIQUE)
    assert later.dylibs(module)["@rpath/libnw_one__foo.dylib"] == "load"
    result = later.repaired(module, "one")
    assert later.dylibs(result.file("later", "_bar.so"))["@rpath/libnw_one__foo.dylib"] == "weak"
    assert requirements_of(result.outputs["later"]) == ["one==1.*,>=1.0"]
    bar = later.mac.load("later._bar")
    assert [bar.bar_version(), bar.bar_count(), bar.bar_maybe()] == [1, 101, 51]


def test_weak_definitions(later: Later) -> None:
    module = later.linked("drawing", "shape1", "shape")
    later.repaired(module, "shape1")
    drawing = later.mac.load("later._drawing")
    assert [drawing.drawing_area(), drawing.drawing_is_square(), drawing.drawing_is_circle()] == [9, 3, 28]


def test_reexported_names(later: Later) -> None:
    module = later.linked("baz", "fronts", "front")
    later.repaired(module, "fronts")
    baz = later.mac.load("later._baz")
    assert [baz.baz_version(), baz.baz_alias(5), baz.baz_add(5, 6)] == [12, -5, 2011]
