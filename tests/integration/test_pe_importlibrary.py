"""Import libraries with renamed DLLs, as linkers take them: two DLLs that had one name are linked into one image."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pesigned
import pytest
from pesamples import MINGW, ZIG, ZIG_OPTIONS
from pewheels import WHEELS
from realwheels import published

from nativewheel.formats.pe import reader
from nativewheel.formats.pe.archive import read_archive
from nativewheel.formats.pe.importlibrary import dll_names, rename_dlls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "__declspec(dllimport) int foo1(void); __declspec(dllimport) int foo2(void);\nint mainCRTStartup(void) { return foo1() + foo2(); }\n"
KINDS = ("zig dlltool", "lld-link", "mingw ld", "mingw dlltool")
MAKERS = KINDS if shutil.which(f"{MINGW}-gcc") else KINDS[:2]
LINKERS = ("zig cc", "lld-link", "mingw ld") if shutil.which(f"{MINGW}-gcc") else ("zig cc", "lld-link")


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"


def library(kind: str, number: int, folder: Path) -> Path:
    """Make the import library of a DLL foo.dll that exports one function."""
    folder = folder / f"{kind.replace(' ', '-')}-{number}"
    folder.mkdir()
    source, definition, path = folder / "foo.c", folder / "foo.def", folder / "foo.lib"
    source.write_text(f"__declspec(dllexport) int foo{number}(void) {{ return {number}; }}\n")
    definition.write_text(f"LIBRARY foo.dll\nEXPORTS\nfoo{number}\n")
    match kind:
        case "zig dlltool":
            run(*ZIG, "dlltool", "-m", "i386:x86-64", "-d", definition, "-l", path)
        case "lld-link":
            run(*ZIG, "cc", *ZIG_OPTIONS, "-c", "-o", folder / "foo.o", source)
            run(*ZIG, "lld-link", "/dll", "/noentry", f"/out:{folder / 'foo.dll'}", f"/implib:{path}", f"/def:{definition}", folder / "foo.o")
        case "mingw ld":
            run(f"{MINGW}-gcc", "-shared", "-o", folder / "foo.dll", source, f"-Wl,--out-implib,{path}")
        case _:
            run(f"{MINGW}-dlltool", "-d", definition, "-l", path)
    return path


def link(linker: str, folder: Path, libraries: list[Path]) -> Path:
    source, program = folder / "main.c", folder / "program.exe"
    source.write_text(PROGRAM)
    compiled: tuple[str | Path, ...] = ("-nostdlib", "-Wl,-e,mainCRTStartup", "-o", program, source, *libraries)
    match linker:
        case "zig cc":
            run(*ZIG, "cc", *ZIG_OPTIONS, *compiled)
        case "lld-link":
            run(*ZIG, "cc", *ZIG_OPTIONS, "-c", "-o", folder / "main.o", source)
            run(*ZIG, "lld-link", "/subsystem:console", "/entry:mainCRTStartup", f"/out:{program}", folder / "main.o", *libraries)
        case _:
            run(f"{MINGW}-gcc", *compiled)
    return program


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("kind", MAKERS)
def test_two_libraries_of_one_plain_name_are_linked_into_one_image(kind: str, linker: str, tmp_path: Path) -> None:
    libraries = []
    for number in (1, 2):
        path = library(kind, number, tmp_path)
        assert dll_names(path.read_bytes()) == {"foo.dll"}
        path.write_bytes(rename_dlls(path.read_bytes(), {"FOO.DLL": f"nw_core{number}__foo.dll"}))
        assert dll_names(path.read_bytes()) == {f"nw_core{number}__foo.dll"}
        libraries.append(path)
    symbols = reader.imports(link(linker, tmp_path, libraries).read_bytes())
    assert sorted((symbol.library, symbol.name) for symbol in symbols) == [("nw_core1__foo.dll", "foo1"), ("nw_core2__foo.dll", "foo2")]


def import_libraries() -> Iterator[tuple[str, bytes]]:
    """Yield what MSVC and clang wrote for the images of published wheels, for three processors."""
    wheels = [published(name) for name in WHEELS if name.startswith(("numpy", "shapely", "pyarrow"))]
    for wheel in [*wheels, *map(pesigned.wheel, pesigned.SIGNED)]:
        with zipfile.ZipFile(wheel) as archive:
            yield from ((f"{wheel.name} {name}", archive.read(name)) for name in archive.namelist() if name.endswith(".lib"))


@pytest.mark.network
def test_import_libraries_of_published_wheels() -> None:
    """A name goes in and comes out again; what is not of import libraries keeps every byte."""
    count = 0
    for name, data in import_libraries():
        names = dll_names(data)
        longer = {dll: f"nw_longer__{dll}" for dll in names}
        there = rename_dlls(data, longer)
        assert dll_names(there) == set(longer.values()), name
        back = rename_dlls(there, {new: old for old, new in longer.items()})
        assert (len(back), dll_names(back)) == (len(data), names), name
        assert names or back == data, name
        assert rename_dlls(back, longer) == there, name
        old, new = read_archive(data), read_archive(there)
        assert len(old.symbols) == len(new.symbols)
        assert [number for _, number in old.symbols] == [number for _, number in new.symbols]
        count += len(names)
    assert count > 20
