"""Wheels for Windows that share DLLs, made of samples: providers and consumers of every kind, repaired by one call, each installed by itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cpythons import good
from sharedwheels import by_name, config, unpacked
from smallwheels import wheel

import nativewheel
from nativewheel.formats.pe.checksum import checksum
from nativewheel.formats.pe.headers import CHECKSUM_OFFSET, opened
from nativewheel.formats.pe.structure import structure_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from pesamples import Samples
    from winepython import WindowsPython

LIBRARY, MODULE = "py3-none-win_amd64", "cp38-abi3-win_amd64"
INIT = b'"""A package."""\n'
NAMES_FOLDER = b"import os\n\nos.add_dll_directory(os.path.join(os.path.dirname(__file__), 'bin'))\n"


def export(distribution: str, **more: object) -> str:
    """Return the configuration that exports the DLLs in the bin folder of a package."""
    lines = [f"{key.replace('_', '-')} = {value!r}" for key, value in more.items()]
    entry = (f'distribution = "{distribution}"', f'library = ["{distribution}/bin/*.dll"]', 'requires = "=={major}.*,>={version}"')
    return "\n".join(["[[tool.nativewheel.export]]", *entry, *lines, ""])


def provider(
    folder: Path, name: str, *libraries: Path, version: str = "1.0", requires: Iterable[str] = (), files: Mapping[str, bytes] | None = None
) -> Path:
    """Make a wheel that has the DLLs in its bin folder, and import libraries beside them."""
    members = {f"{name}/bin/{path.name}": path.read_bytes() for path in libraries}
    members |= {f"{name}/bin/{import_name(path)}": path.with_suffix(".lib").read_bytes() for path in libraries}
    everything = {f"{name}/__init__.py": INIT, **members, **(files or {})}
    return wheel(folder, LIBRARY, everything, name=name, version=version, requires=requires)


def import_name(library: Path) -> str:
    """Return the name that the linker of a sample gives to an import library."""
    return f"lib{library.stem}.dll.a" if "mingw" in library.parts else f"{library.stem}.lib"


def consumer(folder: Path, name: str, module: Path, *requires: str, place: str | None = None, files: Mapping[str, bytes] | None = None) -> Path:
    """Make a wheel that has the extension module in a regular package, or else in the folder ``place``, which may be ""."""
    package = {f"{name}/__init__.py": INIT} if place is None else {}
    member = f"{name if place is None else place}/{module.name}".removeprefix("/")
    return wheel(folder, MODULE, {**package, member: module.read_bytes(), **(files or {})}, name=name, requires=requires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Wheels that were repaired in one call, and each of them installed in a folder of its own."""

    inputs: dict[str, Path]
    outputs: dict[str, Path]
    folders: dict[str, Path]
    warnings: tuple[str, ...]

    def only(self, *names: str) -> list[Path]:
        """Return the folders of some distributions."""
        return [self.folders[name] for name in names]

    def file(self, name: str, leaf: str) -> Path:
        """Return an installed file."""
        (found,) = self.folders[name].rglob(leaf)
        return found

    def without(self, *names: str) -> list[Path]:
        """Return the folders of all distributions but these."""
        return [folder for name, folder in self.folders.items() if name not in names]


def repaired(wheels: Iterable[Path], folder: Path, *parts: str, **options: object) -> Repaired:
    """Repair a set of wheels in one call."""
    paths = list(wheels)
    outcomes = nativewheel.repair(paths, wheel_dir=folder / "out", config=config(folder, *parts), **options)  # type: ignore[arg-type]
    outputs = by_name(folder / "out")
    folders = {name: unpacked(path, folder / "apart" / name) for name, path in outputs.items()}
    inputs = {path.name.partition("-")[0]: path for path in paths}
    return Repaired(inputs=inputs, outputs=outputs, folders=folders, warnings=tuple(line for outcome in outcomes for line in outcome.plan.warnings))


PARTS = (
    *map(export, ("one", "two", "fronts", "mids", "mix", "split", "shapes")),
    '[[tool.nativewheel.overrides]]\nselect = "user2-*"\n[tool.nativewheel.overrides.providers]\n"foo.dll" = "two"\n',
)
FOO = "version add hidden"
VALUES = {
    "user1": ("user1._bar", FOO, [1, 1005, 51]),
    "user2": ("user2._bar", FOO, [2, 2005, 52]),
    "space1": ("space._bar", FOO, [1, 1005, 51]),
    "space2": ("space.deep._bar", FOO, [2, 2005, 52]),
    "top2": ("_bar", FOO, [2, 2005, 52]),
    "numbers": ("numbers._num", "version add", [1, 1005]),
    "bazzer": ("_baz", FOO, [9, 2005, 52]),
    "pair": ("space.pair._pair", "value foo", [11, 1]),
    "mix": ("mix._outer", "value", [21]),
    "mixuser": ("mixuser._outer", "value", [21]),
    "splituser": ("_outer", "value", [41]),
    "inner": ("inner._outer", "value", [11]),
    "vendor": ("space.vendor._outer", "value", [11]),
    "drawer": ("drawer._drawing", "area square caught", [9, 3, ord("s")]),
    "late1": ("late1._bar", FOO, [1, 1005, 51]),
    "late2": ("latespace._bar", FOO, [2, 2005, 52]),
}
"""What the functions of each consumer must return: the module, its functions and the values."""
NEEDS = {
    **dict.fromkeys(("user1", "space1", "numbers", "inner", "vendor", "late1"), "one"),
    **dict.fromkeys(("user2", "space2", "top2", "mix", "late2"), "two"),
    "bazzer": "fronts",
    "pair": "mids",
    "mixuser": "mix",
    "splituser": "split",
    "drawer": "shapes",
}
"""The provider that each of them asks for, or that it asks for first."""
DELAYED = frozenset({"late1", "late2"})
"""Those that delay-load, which mingw cannot build."""
_ASK = """
import importlib, json
found = {{}}
for name, module, functions in {asked!r}:
    try:
        loaded = importlib.import_module(module)
        found[name] = [getattr(loaded, function)() for function in functions]
    except ImportError as error:
        found[name] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(found))
"""

_made: dict[Path, Repaired] = {}


def everything(samples: Samples) -> Repaired:
    """Make and repair the whole set, once in a run of pytest."""
    folder = samples.folder.parent / "pe-shares" / samples.linker
    if folder not in _made:
        host = folder / "host ü"
        host.mkdir(parents=True)
        for path in (samples.mid("host"), *samples.cxx_runtime()):
            shutil.copy(path, host)
        dist = folder / "dist"
        _made[folder] = repaired([*_consumers(samples, dist), *_providers(samples, dist)], folder, *PARTS, lib_path=[host])
    return _made[folder]


def asked(
    python: WindowsPython, folders: Iterable[Path], names: Iterable[str], before: str = "", env: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Import the modules of some consumers in one process, in that order, and return what their functions return, or the errors.

    ``before`` is code that runs first.
    """
    wanted = [(name, VALUES[name][0], VALUES[name][1].split()) for name in names]
    found: dict[str, object] = json.loads(good(python.run(before + _ASK.format(asked=wanted), *folders, env=env, timeout=120)))
    return found


def sound(folder: Path) -> int:
    """Assert that the DLLs and modules below a folder are what every loader takes, and return how many there are."""
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in {".dll", ".pyd"}]
    for path in paths:
        data = path.read_bytes()
        with opened(data) as image:
            assert list(structure_problems(image)) == [], path
            assert image.checksum in {0, checksum([data], image.optional_header + CHECKSUM_OFFSET)}, path
    return len(paths)


def _providers(samples: Samples, folder: Path) -> Iterator[Path]:
    yield provider(folder, "one", samples.foo(1))
    yield provider(folder, "two", samples.foo(2))
    yield provider(folder, "fronts", samples.front(), samples.foo(2))
    yield provider(folder, "mids", samples.mid(), requires=["one"])
    mixed = {"mix/_outer.pyd": samples.outer().read_bytes()}
    yield provider(folder, "mix", samples.mid(), requires=["two"], files=mixed)
    yield provider(folder, "split", samples.mid(), files={"split/inner/foo.dll": samples.foo(4).read_bytes()})
    yield provider(folder, "shapes", samples.shape())


def _consumers(samples: Samples, folder: Path) -> Iterator[Path]:
    bar, outer = samples.bar(), samples.outer()
    yield consumer(folder, "user1", bar, "one")
    yield consumer(folder, "user2", bar)
    yield consumer(folder, "space1", bar, "one", place="space")
    yield consumer(folder, "space2", bar, "two", place="space/deep")
    yield consumer(folder, "top2", bar, "two", place="")
    yield consumer(folder, "numbers", samples.numbered(), "one")
    yield consumer(folder, "bazzer", samples.baz(), place="")
    yield consumer(folder, "pair", samples.pair(), "one", "mids", place="space/pair")
    yield consumer(folder, "mixuser", outer, "mix")
    yield consumer(folder, "splituser", outer, "split", place="")
    inner = {"inner/__init__.py": NAMES_FOLDER, "inner/bin/Inner.dll": samples.mid("inner").read_bytes()}
    yield consumer(folder, "inner", samples.outer("inner"), "one", files=inner)
    yield consumer(folder, "vendor", samples.outer("host"), "one", place="space/vendor")
    yield consumer(folder, "drawer", samples.drawing(), "shapes")
    if samples.linker != "mingw":
        yield consumer(folder, "late1", samples.bar(delayed=True), "one")
        yield consumer(folder, "late2", samples.bar(delayed=True), "two", place="latespace")
