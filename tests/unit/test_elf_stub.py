"""Link stubs: what linkers read of them is what they would read of the library, for several machines; no loader takes one."""

from __future__ import annotations

import ctypes
import io
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from nativewheel.errors import UnreadableError
from nativewheel.formats import link_stub, read
from nativewheel.formats.image import Identity

LIBRARIES = Path(__file__).parents[2] / "fixtures" / "lib"
SYSTEM = Path("/usr/lib/x86_64-linux-gnu")
IDENTITY = Identity("libnw_ntcore__ntcore.so.1")
TARGETS = ["x86_64-linux-gnu", "x86-linux-gnu", "aarch64-linux-musl", "arm-linux-gnueabihf", "s390x-linux-gnu", "powerpc64le-linux-gnu"]
SOURCE = """
int counter = 3;
const int limit = 9;
__attribute__((weak)) int maybe(void) { return counter; }
int add(int a, int b) { return a + b + limit; }
__attribute__((visibility("protected"))) int guarded(void) { return 1; }
__attribute__((visibility("hidden"))) int hidden(void) { return 1; }
static __thread int own = 5;
int *where(void) { return &own; }
"""
CONSUMER = "extern int counter; int add(int, int), maybe(void); int use(void) { return add(counter, maybe()); }"


def zig(folder: Path, *arguments: str) -> None:
    pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(folder / "zig")}
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O1", "-g0", "-nostdlib", "-fno-emulated-tls", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=300)


def offers(data: bytes) -> list[tuple[Any, ...]]:
    """Return the symbols that pyelftools finds defined and visible: all that a linker may ask about."""
    elf: Any = ELFFile(io.BytesIO(data))
    table, versions, definitions = (elf.get_section_by_name(name) for name in (".dynsym", ".gnu.version", ".gnu.version_d"))
    found = []
    for index, symbol in enumerate(table.iter_symbols()):
        info, visibility = symbol["st_info"], symbol["st_other"]["visibility"]
        if symbol["st_shndx"] == "SHN_UNDEF" or info["bind"] == "STB_LOCAL" or visibility in {"STV_HIDDEN", "STV_INTERNAL"} or not symbol.name:
            continue
        version = versions.get_symbol(index)["ndx"] if versions and definitions else "VER_NDX_GLOBAL"
        if version == "VER_NDX_LOCAL":
            continue
        name = version if isinstance(version, str) else f"{next(definitions.get_version(version & 0x7FFF)[1]).name} {version >> 15}"
        home = symbol["st_shndx"] if isinstance(symbol["st_shndx"], str) else section(elf, symbol["st_shndx"])
        found.append((symbol.name, symbol["st_value"], symbol["st_size"], info["type"], info["bind"], visibility, name, home))
    return found


def section(elf: Any, number: int) -> tuple[Any, ...]:
    found = elf.get_section(number)
    return (found.name, found["sh_flags"] & 0x407, found["sh_addr"], found["sh_size"], found["sh_addralign"])


def soname(data: bytes) -> str:
    elf: Any = ELFFile(io.BytesIO(data))
    return next(str(tag.soname) for tag in elf.get_section_by_name(".dynamic").iter_tags("DT_SONAME"))


@pytest.fixture(scope="module", params=TARGETS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Cross-compile a library with versions."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "p.c").write_text(SOURCE)
    (folder / "p.map").write_text("NT_1 { global: *; };")
    zig(folder, "-target", request.param, "-Wl,-soname,libntcore.so.1", "-Wl,--version-script=p.map", "-o", "libntcore.so.1", "p.c")
    return folder, request.param


def test_the_symbols_are_those_of_the_library(compiled: tuple[Path, str]) -> None:
    data = (compiled[0] / "libntcore.so.1").read_bytes()
    stub = link_stub(data, identity=IDENTITY)
    assert stub == link_stub(memoryview(data), identity=IDENTITY, plain_names={})
    assert offers(stub) == offers(data)
    assert {"counter", "limit", "maybe", "add", "guarded", "where"} <= {row[0] for row in offers(stub)}
    assert soname(stub) == IDENTITY
    assert stub[4:8] == data[4:8]
    elf: Any = ELFFile(io.BytesIO(stub))
    original: Any = ELFFile(io.BytesIO(data))
    assert (elf["e_machine"], elf["e_flags"], elf.num_segments()) == (original["e_machine"], original["e_flags"], 0)


def test_zig_links_with_it_for_each_machine(compiled: tuple[Path, str]) -> None:
    folder, target = compiled
    plain = {name: f"nw_ntcore__{name}" for name in ("counter", "add", "maybe")}
    data = (folder / "libntcore.so.1").read_bytes()
    swapped = link_stub(data, identity=IDENTITY, plain_names={unique: name for name, unique in plain.items()})
    assert {row[0] for row in offers(swapped)} == {plain.get(row[0], row[0]) for row in offers(data)}
    (folder / "lib").mkdir()
    (folder / "lib" / "libntcore.so").write_bytes(link_stub(data, identity=IDENTITY))
    (folder / "c.c").write_text(CONSUMER)
    zig(folder, "-target", target, "-Wl,-z,defs", "-o", "c.so", "c.c", "-Llib", "-lntcore")
    image = read((folder / "c.so").read_bytes(), "c.so")
    assert [(item.name, item.versions) for item in image.dependencies] == [(IDENTITY, ("NT_1",))]


@pytest.mark.parametrize("name", ["libc.so.6", "libstdc++.so.6", "libgdal.so.32", "libpq.so.5", "libz.so.1"])
def test_libraries_of_this_machine(name: str) -> None:
    source = SYSTEM / name
    if not source.is_file():
        pytest.skip(f"{source} is not installed")
    data = source.read_bytes()
    stub = link_stub(data, identity=IDENTITY)
    assert offers(stub) == offers(data)
    assert len(stub) < len(data) // 2


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf program")
def test_readelf_finds_the_sections_in_order(compiled: tuple[Path, str], tmp_path: Path) -> None:
    stub = tmp_path / "libntcore.so"
    stub.write_bytes(link_stub((compiled[0] / "libntcore.so.1").read_bytes(), identity=IDENTITY))
    done = subprocess.run(["readelf", "-hSW", stub], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Warning" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="no fixture for this machine")
def test_no_loader_takes_it(tmp_path: Path) -> None:
    data = (LIBRARIES / "linux-x86_64-glibc" / "libntinner.so.1").read_bytes()
    (tmp_path / "libntinner.so").write_bytes(link_stub(data, identity=IDENTITY))
    with pytest.raises(OSError, match="no loadable segments"):
        ctypes.CDLL(str(tmp_path / "libntinner.so"))
    # Our reader, too, goes by what loaders see.
    image = read((tmp_path / "libntinner.so").read_bytes(), "libntinner.so")
    assert (image.identity, image.dependencies) == (None, ())


def test_a_library_without_section_headers() -> None:
    data = bytearray((LIBRARIES / "linux-x86_64-glibc" / "libntinner.so.1").read_bytes())
    # e_shoff, e_shnum and e_shstrndx
    data[40:48], data[60:64] = bytes(8), bytes(4)
    with pytest.raises(UnreadableError, match="no section headers"):
        link_stub(bytes(data), identity=IDENTITY)


SOURCES = [(LIBRARIES / target / "libntouter.so.2").read_bytes() for target in ("linux-x86_64-glibc", "linux-i686-glibc", "linux-aarch64-musl")]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 1 << 14) | st.none(),
)
def test_damage_never_ends_in_another_error(source: bytes, changes: list[tuple[int, bytes]], length: int | None) -> None:
    data = bytearray(source)
    for start, value in changes:
        at = start % len(data)
        data[at : at + len(value)] = value
    try:
        stub = link_stub(bytes(data[:length]), identity=IDENTITY)
    except UnreadableError:
        return
    assert soname(stub) == IDENTITY
