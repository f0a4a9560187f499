"""Modules linked with a text-based stub by every linker that is there: they need the unique name, and run, repaired, with the real library."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from machoemulator import RTLD_GLOBAL, RTLD_NOW
from machopython import Python
from machosamples import ARCHS, LINKERS, Samples, linkers, sample_folder

from nativewheel.formats.image import Edit, FlatBinding, Identity, Requirement
from nativewheel.formats.macho import reader
from nativewheel.formats.macho.stub import link_stub
from nativewheel.formats.macho.writer import apply

READTAPI = [*sorted(Path("/usr/lib").glob("llvm-*/bin/llvm-readtapi")), *(Path(found) for found in [shutil.which("llvm-readtapi")] if found)]
KINDS = [(linker, arch, cpu) for linker in LINKERS for arch in (*ARCHS, "universal2") for cpu in ARCHS if arch in {cpu, "universal2"}]
LLD_KINDS = [kind for kind in KINDS if kind[0] != "zig"]
PREFIX = "_nw_one_"
Renames = tuple[tuple[str, str], ...]


class Provider(NamedTuple):
    """A renamed library, and the folder where developers find nothing but its stub."""

    path: Path
    identity: Identity
    renames: Renames
    stubs: Path


class Setting(NamedTuple):
    """Samples of libraries for one architecture or two, samples of modules for the one of the process, and a folder."""

    libraries: Samples
    modules: Samples
    python: Python
    folder: Path

    @property
    def zig(self) -> bool:
        return self.modules.linker == "zig"

    def provider(self, source: Path, edit: Edit = Edit(), *, unique: bool = True) -> Provider:  # noqa: B008  (frozen)
        """Rename a library, with the names of its symbols if they are to be ``unique``, and write its stub."""
        leaf = source.name.removeprefix("lib")
        identity = Identity(f"@rpath/libnw_one__{leaf}")
        exports = reader.exports(source.read_bytes())
        renames = tuple((item.name, PREFIX + item.name) for item in exports if unique and not item.weak)
        path, stubs = self.folder / "lib" / f"libnw_one__{leaf}", self.folder / "dev"
        for folder in (path.parent, stubs):
            folder.mkdir(exist_ok=True)
        apply(source, replace(edit, identity=identity, rename_symbols=renames), path)
        (stubs / source.with_suffix(".tbd").name).write_bytes(link_stub(path.read_bytes(), identity, dict(renames)))
        return Provider(path=path, identity=identity, renames=renames, stubs=stubs)

    def linked(self, provider: Provider, name: str, source: str, *defines: str) -> Path:
        """Link a module with the stub, as developers do."""
        library = provider.path.stem.removeprefix("libnw_one__")
        return self.modules.link(name, source, *defines, links=(f"-L{provider.stubs}", f"-l{library}"))

    def repaired(self, module: Path, provider: Provider) -> Path:
        path = self.folder / "repaired" / module.name
        path.parent.mkdir()
        flat = FlatBinding(dependency=provider.identity, identity=provider.identity, renames=provider.renames)
        apply(module, Edit(flat=(flat,)), path)
        return path

    def calls(self, provider: Provider, module: Path, *names: str) -> list[int]:
        """Call functions of a repaired module as the shim lets it run."""
        self.python.dlopen(provider.path, RTLD_NOW | RTLD_GLOBAL)
        image = self.python.dlopen(self.repaired(module, provider))
        return [self.python.call(self.python.dlsym(image, name), 20, 22) for name in names]


@pytest.fixture(params=KINDS, ids="-".join)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Setting:
    linker, arch, cpu = request.param
    if linker not in linkers():
        pytest.skip("no ld64.lld")
    samples = sample_folder(tmp_path_factory)
    return Setting(Samples(linker, arch, samples), Samples(linker, cpu, samples), Python(cpu), tmp_path)


def wanted(module: Path, identity: Identity) -> dict[str, bool]:
    """Return the names that a module wants of the library alone, and whether they may be missing."""
    data = module.read_bytes()
    kinds = {item.name: item.requirement for item in reader.read(data, module.name).dependencies}
    assert kinds[identity] is Requirement.REQUIRED
    assert [name for name in kinds if name.startswith("@")] == [identity]
    return {item.name: item.weak for item in reader.imports(data) if item.library == identity}


def test_functions_and_variables(setting: Setting) -> None:
    foo = setting.provider(setting.libraries.foo())
    # zig 0.17 knows no thread-local variables of stubs, and refuses references to them.
    module = setting.linked(foo, "_bar.so", "bar.c", *(("-DBAR_FLAT",) if setting.zig else ()))
    functions = ["_foo_version", "_foo_add", "_foo_own_there", "_foo_length"]
    variables = ["_foo_counter", "_foo_table", *(() if setting.zig else ("_foo_own",))]
    assert wanted(module, foo.identity) == dict.fromkeys((*functions, *variables), False) | {"_foo_maybe": True, "_foo_maybe_data": True}
    names = ("bar_version", "bar_add", "bar_pointed", "bar_count", "bar_near", "bar_own_there", "bar_maybe", "bar_maybe_data")
    assert setting.calls(foo, module, *names) == [1, 1042, 1021, 101, 3, 1, 51, 61]


@pytest.mark.parametrize("setting", LLD_KINDS, ids="-".join, indirect=True)
def test_thread_local_variables(setting: Setting) -> None:
    foo = setting.provider(setting.libraries.foo())
    assert setting.calls(foo, setting.linked(foo, "_bar.so", "bar.c"), "bar_own", "bar_own", "bar_own_there") == [2, 3, 3]


def test_weak_definitions(setting: Setting) -> None:
    shape = setting.provider(setting.libraries.shape())
    module = setting.linked(shape, "_drawing.so", "drawing.cpp")
    assert "_shape_square" in wanted(module, shape.identity)
    results = setting.calls(shape, module, "drawing_area", "drawing_is_square", "drawing_is_circle", "drawing_counted")
    assert results[:3] == [9, 3, 28]
    # shape_count counts once for the module and once for the library, in the order that the compiler likes.
    assert results[3] in {21, 12}


def test_reexported_names(setting: Setting) -> None:
    foo = setting.provider(setting.libraries.foo())
    there = Identity(f"@loader_path/{foo.path.name}")
    old = Identity("@rpath/libfoo.dylib")
    front = setting.provider(setting.libraries.front(), Edit(replace=((old, there),), rename_imports=((old, foo.renames),)))
    module = setting.linked(front, "_baz.so", "baz.c")
    assert wanted(module, front.identity) == dict.fromkeys(("_front_version", "_foo_alias", "_foo_add"), False)
    assert setting.calls(front, module, "baz_version", "baz_alias", "baz_add") == [11, -20, 1042]


@pytest.mark.parametrize("setting", [kind for kind in LLD_KINDS if kind[1] != "universal2"], ids="-".join, indirect=True)
def test_reexported_library(setting: Setting) -> None:
    """Linkers look into a library beside the stub; zig finds none of those with relative names."""
    foo = setting.libraries.foo()
    source = setting.libraries.link("libfront.dylib", "front.c", links=("-reexport_library", foo), options=("-headerpad_max_install_names",))
    there = Identity("@loader_path/../lib/libinner.dylib")
    front = setting.provider(source, Edit(replace=((Identity("@rpath/libfoo.dylib"), there),)), unique=False)
    apply(foo, Edit(identity=Identity("@rpath/libinner.dylib")), front.path.with_name("libinner.dylib"))
    module = setting.linked(front, "_bar.so", "bar.c", "-DBAR_FLAT")
    assert {"_foo_add", "_foo_counter"} <= wanted(module, front.identity).keys()


@pytest.mark.skipif(not READTAPI, reason="no llvm-readtapi program")
@pytest.mark.parametrize("setting", [kind for kind in KINDS if kind[1] != "universal2"], ids="-".join, indirect=True)
def test_llvm_makes_the_same_stubs(setting: Setting) -> None:
    for library in (setting.libraries.foo(), setting.libraries.shape()):
        identity = reader.read(library.read_bytes(), library.name).identity
        assert identity
        ours, theirs = setting.folder / "ours.tbd", setting.folder / "theirs.json"
        ours.write_bytes(link_stub(library.read_bytes(), identity, {}))
        readtapi("-stubify", library, "-o", theirs)
        readtapi(ours, "-o", ours.with_suffix(".json"))
        assert offers(ours.with_suffix(".json")) == offers(theirs)


def readtapi(*arguments: str | Path) -> None:
    subprocess.run([READTAPI[-1], "--filetype=tbd-v5", *arguments], check=True, capture_output=True)


def offers(path: Path) -> tuple[str, set[tuple[str, str]]]:
    """Return the install name, and the kind and the name of each symbol; in version 5 code and data can be apart."""
    library = json.loads(path.read_bytes())["main_library"]
    lists = [block[part] for block in library["exported_symbols"] for part in ("data", "text") if part in block]
    return library["install_names"][0]["name"], {(kind, name) for found in lists for kind, names in found.items() for name in names}
