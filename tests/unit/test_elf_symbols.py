"""Differential tests: what we read of real libraries is what pyelftools, LIEF and readelf read; the libraries are this machine's and Zig's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lief
import pytest
from elftools.elf.elffile import ELFFile

from nativewheel.formats import exports, imports, read
from nativewheel.formats.image import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = Path("/usr/lib/x86_64-linux-gnu")
LIBRARIES = ["libc.so.6", "libstdc++.so.6", "libgdal.so.32", "libpq.so.5", "libcurl.so.4", "libxml2.so.2", "libm.so.6", "ld-linux-x86-64.so.2"]
TARGETS = [
    "x86_64-linux-gnu",
    "x86-linux-gnu",
    "aarch64-linux-gnu",
    "arm-linux-gnueabihf",
    "powerpc64le-linux-gnu",
    "s390x-linux-gnu",
    "riscv64-linux-gnu",
    "x86_64-linux-musl",
]
SOURCE = """
extern int dep(void), maybe(void) __attribute__((weak));
int counter = 3;
int PyInit_demo(void) { return dep() + (maybe ? maybe() : 0) + counter; }
static int hidden(void) { return 1; }
int (*hook)(void) = hidden;
"""


@pytest.fixture(scope="module", params=TARGETS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cross-compile an extension module that needs libdep.so.1; both kinds of hash tables are met."""
    target: str = request.param
    folder = tmp_path_factory.mktemp(target)
    (folder / "dep.c").write_text("int dep(void) { return 7; }")
    (folder / "demo.c").write_text(SOURCE)
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(folder / "zig")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-shared", "-fPIC", "-O1", "-g0", "-nostdlib"]
    style = "gnu" if "64" in target else "sysv"
    for arguments in (
        ["-Wl,-soname,libdep.so.1", "-o", "libdep.so.1", "dep.c"],
        [f"-Wl,--hash-style={style}", "-Wl,-rpath,$ORIGIN/lib", "-o", "demo.so", "demo.c", "libdep.so.1"],
    ):
        subprocess.run([*compiler, *arguments], cwd=folder, env=environment, check=True, timeout=300)
    return folder / "demo.so"


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Path:
    path = SYSTEM / request.param
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    return Path(path.resolve())


def reference(path: Path) -> tuple[set[tuple[str, str | None, str | None, bool]], set[tuple[str, str | None, bool]]]:
    """Read imports (name, version, library, weak) and exports (name, version, weak) with pyelftools, from section headers."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        versions: dict[int, tuple[str, str | None]] = dict(version_names(elf))
        wanted, offered = set(), set()
        indexes = elf.get_section_by_name(".gnu.version")
        for number, symbol in enumerate(elf.get_section_by_name(".dynsym").iter_symbols()):
            if not symbol.name or symbol["st_info"]["bind"] == "STB_LOCAL":
                continue
            index = indexes.get_symbol(number)["ndx"] if indexes else None
            version, origin = versions.get(index & 0x7FFF, (None, None)) if isinstance(index, int) else (None, None)
            weak = symbol["st_info"]["bind"] == "STB_WEAK"
            if symbol["st_shndx"] == "SHN_UNDEF":
                wanted.add((symbol.name, version, origin, weak))
            elif symbol["st_other"]["visibility"] in {"STV_DEFAULT", "STV_PROTECTED"} and index != "VER_NDX_LOCAL":
                unique = symbol["st_info"]["bind"] == "STB_LOOS"  # 10, which GNU uses for STB_GNU_UNIQUE
                offered.add((symbol.name, version, weak or unique))
        return wanted, offered


def version_names(elf: Any) -> Iterator[tuple[int, tuple[str, str | None]]]:
    if needs := elf.get_section_by_name(".gnu.version_r"):
        for need, auxiliaries in needs.iter_versions():
            yield from ((item["vna_other"] & 0x7FFF, (item.name, need.name)) for item in auxiliaries)
    if definitions := elf.get_section_by_name(".gnu.version_d"):
        for definition, auxiliaries in definitions.iter_versions():
            if not definition["vd_flags"] & 1:
                yield definition["vd_ndx"], (next(auxiliaries).name, None)


def assert_same_as_references(path: Path) -> None:
    data = path.read_bytes()
    wanted, offered = reference(path)
    assert {(item.name, item.version, item.library, item.weak) for item in imports(data)} == wanted
    assert {(item.name, item.version, item.weak) for item in exports(data)} == offered
    image = read(data, path.name)
    other = lief.ELF.parse(str(path))
    assert other is not None
    assert [item.name for item in image.dependencies] == other.libraries
    assert image.interpreter == (other.interpreter or None)
    assert {(item.name, version) for item in (*image.dependencies, *image.unlisted) for version in item.versions} == {
        (need.name, item.name) for need in other.symbols_version_requirement for item in need.get_auxiliary_symbols()
    }


def test_libraries_of_this_machine(library: Path) -> None:
    assert_same_as_references(library)
    assert read(library.read_bytes(), library.name).kind is Kind.LIBRARY


def test_compiled_for_another_machine(compiled: Path) -> None:
    assert_same_as_references(compiled)
    image = read(compiled.read_bytes(), "demo.so")
    assert (image.kind, image.rpaths, image.inherited_rpaths) == (Kind.EXTENSION, ("$ORIGIN/lib",), False)
    assert {item.name for item in imports(compiled.read_bytes())} >= {"dep", "maybe"}
    assert {"PyInit_demo", "counter", "hook"} <= {item.name for item in exports(compiled.read_bytes())}


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_readelf_prints_the_same(library: Path) -> None:
    def readelf(option: str) -> str:
        done = subprocess.run(["readelf", "-W", option, library], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
        return done.stdout

    image = read(library.read_bytes(), library.name)
    dynamic = readelf("-d")
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic) == [item.name for item in image.dependencies]
    assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == [image.identity]
    undefined = re.findall(r" UND (\S+)", readelf("--dyn-syms"))
    assert sorted(name.partition("@")[0] for name in undefined) == sorted(item.name for item in imports(library.read_bytes()))


def test_a_program_without_exports_has_imports(tmp_path: Path) -> None:
    """GNU hash tables list only what a program exports, so its imports must be counted in another way."""
    (tmp_path / "main.c").write_text("extern int dep(void); void _start(void) { for (dep();;); }")
    (tmp_path / "dep.c").write_text("int dep(void) { return 7; }")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path / "zig"), "ZIG_LOCAL_CACHE_DIR": str(tmp_path / "zig")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", "-O1", "-g0", "-nostdlib"]
    for arguments in (
        ["-shared", "-fPIC", "-Wl,-soname,libdep.so.1", "-o", "libdep.so", "dep.c"],
        ["-pie", "-Wl,--hash-style=gnu", "-Wl,-dynamic-linker,/lib64/ld-linux-x86-64.so.2", "-o", "main", "main.c", "libdep.so"],
    ):
        subprocess.run([*compiler, *arguments], cwd=tmp_path, env=environment, check=True, timeout=300)
    data = (tmp_path / "main").read_bytes()
    assert read(data, "main").kind is Kind.PROGRAM
    assert [item.name for item in imports(data)] == ["dep"]
