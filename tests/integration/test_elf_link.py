"""Programs linked with a link stub by every linker that is there: they need the unique name, and run with the real library."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nativewheel.formats import apply, imports, link_stub, read
from nativewheel.formats.image import Edit, Identity

IDENTITY = Identity("libnw_ntcore__ntcore.so.1")
PREFIX = "nw_ntcore__"
# Debian's lld packages of one version put the program in a folder of their own.
LLD = [*sorted(Path("/usr/lib").glob("llvm-*/bin/ld.lld")), *(Path(found) for found in [shutil.which("ld.lld")] if found)]
LINKERS = {
    "bfd": ("gcc", "-fuse-ld=bfd"),
    **({"gold": ("gcc", "-fuse-ld=gold")} if shutil.which("ld.gold") else {}),
    **({"lld": ("gcc", f"-B{LLD[-1].parent}", "-fuse-ld=lld")} if LLD else {}),
    "zig": (sys.executable, "-m", "ziglang", "cc"),
}
KINDS = {"program": ("-no-pie", "-fno-pic"), "position-independent program": ("-pie", "-fPIE"), "library": ("-shared", "-fPIC")}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("gcc"), reason="needs gcc for Linux on x86_64"
)

LIBRARY = """
int counter = 41, *alias_target = &counter;
extern int counter_alias __attribute__((weak, alias("counter")));
const char *const words[] = {"one", "two"};
__attribute__((aligned(64))) char block[64] = {1};
__thread int own = 7;
int read_own(void) { return own; }
int read_counter(void) { return counter; }
static int chosen(void) { return 99; }
static void *choose(void) { return chosen; }
int picked(void) __attribute__((ifunc("choose")));
int maybe(void) { return 5; }
#pragma weak maybe
int area_first(void) { return 1; }
int area_second(void) { return 2; }
__asm__(".symver area_first,area@V1\\n.symver area_second,area@@V2");
"""
VERSIONS = "V1 { global: counter*; words; block; own; read_*; picked; maybe; area; local: *; }; V2 { global: area; } V1;"
CONSUMER = """
#include <stdint.h>
#include <stdio.h>
extern int counter, counter_alias;
extern const char *const words[];
extern char block[64];
extern __thread int own;
int read_own(void), read_counter(void), picked(void), maybe(void), area(void);
int answer(void) {
    own = 8;
    counter = 100;
    return read_own() + read_counter() + counter_alias + words[1][0] + block[0] + (int)((uintptr_t)block % 64) + picked() + maybe() + area();
}
int main(void) { printf("%d\\n", answer()); return 0; }
"""
ANSWER = 8 + 100 + 100 + ord("t") + 1 + 0 + 99 + 5 + 2


def cc(folder: Path, *arguments: str, compiler: tuple[str, ...] = ("gcc",)) -> None:
    environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(folder / "zig"), "TMPDIR": str(folder)}
    done = subprocess.run([*compiler, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["plain", "unique"])
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a folder with the real library, and the new names of its symbols; the stub is in the folder beside it."""
    folder = tmp_path_factory.mktemp("provider")
    (folder / "p.c").write_text(LIBRARY)
    (folder / "p.map").write_text(VERSIONS)
    cc(folder, "-O1", "-shared", "-fPIC", "-o", "libntcore.so.1", "-Wl,-soname,libntcore.so.1", "-Wl,--version-script=p.map", "p.c")
    names = ["counter", "counter_alias", "words", "block", "own", "read_own", "read_counter", "picked", "maybe", "area"]
    plain = {name: PREFIX + name for name in names} if request.param == "unique" else {}
    library = folder / "lib" / IDENTITY
    library.parent.mkdir()
    apply(folder / "libntcore.so.1", Edit(identity=IDENTITY, rename_symbols=tuple(plain.items())), library)
    (folder / "dev").mkdir()
    (folder / "dev" / "libntcore.so").write_bytes(link_stub(library.read_bytes(), identity=IDENTITY, plain_names=plain))
    return library.parent, plain


@pytest.mark.parametrize("named", ["by -l", "by path"])
# zig compiles nothing but position-independent code.
@pytest.mark.parametrize(("linker", "kind"), [(linker, kind) for linker in LINKERS for kind in KINDS if (linker, kind) != ("zig", "program")])
def test_link_and_run(provider: tuple[Path, dict[str, str]], linker: str, kind: str, named: str, tmp_path: Path) -> None:
    folder, plain = provider
    if linker == "zig":
        pytest.importorskip("ziglang", reason="no C compiler: ziglang has no wheel for this machine")
    (tmp_path / "c.c").write_text(CONSUMER)
    stub = folder.parent / "dev"
    library = [f"-L{stub}", "-lntcore"] if named == "by -l" else [str(stub / "libntcore.so")]
    cc(tmp_path, "-O1", *KINDS[kind], "-o", "consumer", "c.c", *library, compiler=LINKERS[linker])
    consumer = tmp_path / "consumer"
    image = read(consumer.read_bytes(), "consumer")
    assert [item.name for item in image.dependencies if "ntcore" in item.name] == [IDENTITY]
    versions = {symbol.name: symbol.version for symbol in imports(consumer.read_bytes()) if symbol.library == IDENTITY}
    assert versions["area"] == "V2"
    assert versions["read_own"] == versions["picked"] == "V1"
    repaired = tmp_path / "repaired"
    apply(consumer, Edit(rename_symbols=tuple(plain.items())), repaired)
    if kind == "library":
        code = f"import ctypes; ctypes.CDLL({str(folder / IDENTITY)!r}); print(ctypes.CDLL({str(repaired)!r}).answer())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert (done.stdout, done.stderr) == (f"{ANSWER}\n", "")
    else:
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "LD_BIND_NOW": "1"}
        done = subprocess.run([repaired], env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert (done.stdout, done.stderr) == (f"{ANSWER}\n", "")
