"""Consumers for Windows that are built after their provider was repaired, with the import libraries of that, by each linker with those of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pefile
import pytest
from cpythons import good
from pesamples import LINKERS, Samples, linkers, sample_folder
from sharedwheels import requirements_of
from winepython import PYTHONS, WindowsPython, windows_python
from winshares import Repaired, consumer, everything, export, import_name, provider, repaired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network


class Case(NamedTuple):
    """A module, the provider and the library that it is linked with, and what it returns."""

    module: str
    provider: str
    library: str
    functions: str
    values: list[int]
    delayed: bool = False

    @property
    def name(self) -> str:
        return f"later_{self.provider}{'_late' if self.delayed else ''}"

    @property
    def requires(self) -> list[str]:
        """What the project says, which is needed where several providers have a library of the plain name."""
        return [] if self.provider in UNIQUE else [self.provider]


FOO = "version add hidden"
CASES = (
    Case("_bar", "one", "foo", f"{FOO} count", [1, 1005, 51, 101]),
    Case("_bar", "two", "foo", f"{FOO} count", [2, 2005, 52, 201]),
    Case("_baz", "fronts", "front", FOO, [9, 2005, 52]),
    Case("_outer", "mids", "mid", "value", [11]),
    Case("_bar", "unique", "foo", f"{FOO} count", [3, 3005, 53, 301]),
)
DELAYED = Case("_bar", "one", "foo", FOO, [1, 1005, 51], delayed=True)
CXX = tuple(Case("_drawing", name, "shape", "area square caught", [9, 3, ord("s")]) for name in ("shapes", "uniqueshapes"))
"""Both linkers have C++ compilers of their own, whose libraries do not go together."""
UNIQUE = ("unique", "uniqueshapes")
"""Providers whose import libraries have the unique names."""


class Later(NamedTuple):
    """Consumers that were linked by one linker with the installed providers of another one."""

    cases: list[Case]
    modules: dict[str, Path]
    providers: list[Path]
    wheels: Repaired


_made: dict[tuple[str, str], Later] = {}


def made(linker: str, other: str, folder: Path) -> Later:
    """Link and repair all consumers, once in a run of pytest."""
    if (linker, other) not in _made:
        theirs = Samples(other, folder)
        own = folder.parent / "pe-later" / f"{linker}-{other}"
        cases = [*CASES, *(CXX if linker == other else ()), *([DELAYED] if linker == "zig" else ())]
        places = everything(theirs).folders | _unique(theirs, own).folders
        modules = dict(_linked(linker, other, cases, places, own))
        wheels = [consumer(own / "dist", case.name, modules[case.name], *case.requires) for case in cases]
        host = everything(theirs).inputs["one"].parents[1] / "host ü"
        _made[linker, other] = Later(cases, modules, list(places.values()), repaired(wheels, own, provider=[*places.values()], lib_path=[host]))
    return _made[linker, other]


def _unique(samples: Samples, folder: Path) -> Repaired:
    wheels = (provider(folder / "unique", name, library) for name, library in zip(UNIQUE, (samples.foo(3), samples.shape()), strict=True))
    parts = (export(name, import_libs="rename") for name in UNIQUE)
    return repaired(wheels, folder / "unique", *parts, lib_path=[path.parent for path in samples.cxx_runtime()])


def _linked(linker: str, other: str, cases: list[Case], places: dict[str, Path], folder: Path) -> Iterator[tuple[str, Path]]:
    for case in cases:
        library = places[case.provider] / case.provider / "bin" / import_name(folder / other / f"{case.library}.dll")
        yield case.name, Samples(linker, folder / "build" / case.name).later(case.module, library, delayed=case.delayed)


@pytest.fixture(params=[(linker, other) for linker in LINKERS for other in LINKERS], ids="-".join)
def later(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Later:
    linker, other = request.param
    if not {linker, other} <= {*linkers()}:
        pytest.skip("no mingw to build samples with")
    return made(linker, other, sample_folder(tmp_path_factory))


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> WindowsPython:
    return windows_python(request, request.param)


def imports(path: Path) -> set[str]:
    image = pefile.PE(str(path))
    entries = [*getattr(image, "DIRECTORY_ENTRY_IMPORT", ()), *getattr(image, "DIRECTORY_ENTRY_DELAY_IMPORT", ())]
    return {entry.dll.decode() for entry in entries}


def test_they_run(python: WindowsPython, later: Later) -> None:
    lines = [
        f"from {case.name} import {case.module} as m; print([getattr(m, name)() for name in {case.functions.split()!r}])" for case in later.cases
    ]
    said = good(python.run("\n".join(lines), *later.wheels.folders.values(), *later.providers))
    assert said.splitlines() == [str(case.values) for case in later.cases]


def test_linkers_write_the_names_of_the_import_libraries(later: Later) -> None:
    for case in later.cases:
        plain, unique = f"{case.library}.dll", f"nw_{case.provider}__{case.library}.dll"
        assert (unique if case.provider in UNIQUE else plain) in imports(later.modules[case.name])
        written = imports(later.wheels.file(case.name, f"{case.module}.pyd"))
        assert unique in written
        assert plain not in written
        assert requirements_of(later.wheels.outputs[case.name]) == [*case.requires, f"{case.provider}==1.*,>=1.0"]
