"""Small DLLs and extension modules for Windows, built from pesources/ by two linkers.

zig compiles without a C runtime and has lld-link link, which writes what MSVC's linker does (short import libraries, delay-load tables); mingw's
gcc and ld bring msvcrt, libgcc and libstdc++, an overlay of symbols, and import libraries that are archives of objects.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SOURCES = Path(__file__).parent / "pesources"
FIXTURE_SOURCES = Path(__file__).parents[2] / "fixtures/src"
LINKERS = ("zig", "mingw")
MINGW = "x86_64-w64-mingw32"
ZIG = (sys.executable, "-m", "ziglang")
ZIG_OPTIONS = ("-target", "x86_64-windows-gnu", "-g0", "-O1", "-fno-builtin", "-fno-stack-protector", "-fno-sanitize=all")
ZIG_CXX_OPTIONS = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-nostdinc++")
# Functions of these DLLs that the sources, pyabi.h and the entry point of fixtures/src call.
SYSTEM = {
    "kernel32.dll": ("DisableThreadLibraryCalls", "GetProcAddress", "LoadLibraryExA"),
    "python3.dll": ("PyLong_FromLong", "PyModule_Create2"),
}
FOO_EXPORTS = ("foo_version", "foo_add @7", "foo_counter DATA", "foo_hidden @12 NONAME")


@dataclass(frozen=True, slots=True)
class Samples:
    """Images of one linker, each built below ``folder`` when it is first asked for, with its import library beside it.

    ``prefix`` comes before the name of each library, as a repair does it.
    """

    linker: str
    folder: Path
    prefix: str = ""

    def foo(self, version: int = 1) -> Path:
        """Return the provider's library; one function is exported by its ordinal alone."""
        return self._library("foo", f"-DFOO_VERSION={version}", exports=FOO_EXPORTS)

    def bar(self, version: int = 1, module: str = "_bar", *, delayed: bool = False) -> Path:
        """Return the consumer of foo; with ``delayed``, which takes lld-link, that is loaded when it is first called."""
        defines = ("-DBAR_FUNCTIONS",) if delayed else ()
        foo = self.foo(version)
        return self._module(module, "bar.c", *defines, links=(foo,), delayed=(foo,) if delayed else ())

    def front(self) -> Path:
        """Return a library that forwards two functions to foo, one to an ordinal, and imports nothing of it."""
        foo = f"{self.prefix}foo"
        return self._library("front", exports=("front_version", f"front_add = {foo}.foo_add", f'front_hidden = "{foo}.#12"'))

    def baz(self) -> Path:
        """Return the consumer of front."""
        return self._module("_baz", "baz.c", links=(self.front(),))

    def numbered(self) -> Path:
        """Return a consumer that asks for a function with a name by its ordinal."""
        return self._module("_num", "num.c", links=(self._import_of("foo.dll", ("foo_version", "foo_add @7 NONAME")),))

    def mid(self, name: str = "mid") -> Path:
        """Return a library that needs foo."""
        return self._library(name, source="mid.c", links=(self.foo(),))

    def outer(self, name: str = "mid") -> Path:
        """Return the consumer of mid, which may have another name."""
        return self._module("_outer", "outer.c", links=(self.mid(name),))

    def pair(self) -> Path:
        """Return the consumer of mid and of foo."""
        return self._module("_pair", "outer.c", "-DOUTER_FOO", links=(self.mid(), self.foo()))

    def shape(self) -> Path:
        """Return a C++ library; mingw's needs `cxx_runtime`."""
        return self._library("shape", source="shape.cpp")

    def drawing(self) -> Path:
        """Return the consumer of shape."""
        return self._module("_drawing", "drawing.cpp", links=(self.shape(),))

    def later(self, name: str, library: Path, *, delayed: bool = False) -> Path:
        """Return a module like ``name`` that is linked with an import library from elsewhere."""
        source = {"_bar": "bar.c", "_baz": "baz.c", "_outer": "outer.c", "_drawing": "drawing.cpp"}[name]
        defines = ("-DBAR_FUNCTIONS",) if delayed else ()
        return self._module(name, source, *defines, links=(library,), delayed=(library,) if delayed else ())

    def cxx_runtime(self) -> tuple[Path, ...]:
        """Return the DLLs of the C++ runtime that the C++ samples need."""
        if self.linker == "zig":
            return ()
        names = ("libstdc++-6.dll", "libgcc_s_seh-1.dll")
        return tuple(Path(_run(f"{MINGW}-g++", f"-print-file-name={name}").strip()).resolve() for name in names)

    def _library(self, stem: str, *defines: str, source: str = "", exports: tuple[str, ...] = (), links: tuple[Path, ...] = ()) -> Path:
        return self._link(f"{self.prefix}{stem}.dll", source or f"{stem}.c", defines, links=links, exports=exports)

    def _module(self, name: str, source: str, *defines: str, links: tuple[Path, ...], delayed: tuple[Path, ...] = ()) -> Path:
        return self._link(f"{name}.pyd", source, (f"-DMODULE={name}", *defines), links=(*links, self._system("python3.dll")), delayed=delayed)

    def _link(
        self,
        name: str,
        source: str,
        defines: tuple[str, ...],
        *,
        links: tuple[Path, ...] = (),
        exports: tuple[str, ...] = (),
        delayed: tuple[Path, ...] = (),
    ) -> Path:
        # Libraries of one name may differ: those that an image is linked with are part of its own place.
        variant = _variant((source, *defines, *(f"{link.parent.name}-{link.stem}" for link in links)))
        path = self.folder / self.linker / variant / name
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        definition = [path.with_suffix(".def")] if exports else []
        for file in definition:
            file.write_text("\n".join(("EXPORTS", *exports, "")))
        if self.linker == "mingw":
            assert not delayed, "the delay-load libraries of binutils leave the delay-load directory empty"
            compiler = f"{MINGW}-{'g++' if source.endswith('cpp') else 'gcc'}"
            options: tuple[str | Path, ...] = (
                "-shared",
                "-O1",
                "-I",
                FIXTURE_SOURCES,
                *defines,
                "-o",
                path,
                f"-Wl,--out-implib,{_import_library(path)}",
            )
            _run(compiler, *options, SOURCES / source, *definition, *map(_import_library, links))
            return path
        objects = (self._object(SOURCES / source, *defines), self._object(FIXTURE_SOURCES / "dllmain.c"))
        helper = (self._object(SOURCES / "delayload.c"),) if delayed else ()
        libraries = map(_import_library, (*links, self._system("kernel32.dll")))
        output = ("/dll", "/entry:DllMainCRTStartup", f"/out:{path}", f"/implib:{_import_library(path)}", *(f"/def:{file}" for file in definition))
        delays = (f"/delayload:{dll.stem}.dll" for dll in delayed)
        _run(*ZIG, "lld-link", *output, *delays, *objects, *helper, *libraries)
        return path

    def _object(self, source: Path, *defines: str) -> Path:
        path = self.folder / "objects" / (_variant((source.name, *defines)) + ".o")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            program, *options = ("c++", *ZIG_CXX_OPTIONS) if source.suffix == ".cpp" else ("cc",)
            _run(*ZIG, program, *ZIG_OPTIONS, *options, "-I", FIXTURE_SOURCES, *defines, "-c", "-o", path, source)
        return path

    def _system(self, dll: str) -> Path:
        """Return the place of a DLL that Windows or Python supplies; only its import library is there."""
        return self._import_of(dll, SYSTEM[dll])

    def _import_of(self, dll: str, exports: tuple[str, ...]) -> Path:
        """Return the place of a DLL of which only an import library is there."""
        path = self.folder / "system" / dll
        library = _import_library(path)
        if not library.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            definition = path.with_suffix(".def")
            definition.write_text("\n".join((f"LIBRARY {dll}", "EXPORTS", *exports, "")))
            _run(*ZIG, "dlltool", "-m", "i386:x86-64", "-d", definition, "-D", dll, "-l", library)
        return path


def linkers() -> tuple[str, ...]:
    """Return the linkers that this machine has."""
    return LINKERS if shutil.which(f"{MINGW}-g++") else ("zig",)


def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the samples of this run of pytest."""
    return tmp_path_factory.getbasetemp() / "pe-samples"


def _import_library(path: Path) -> Path:
    """Return the import library of a DLL, or the library itself."""
    return path if path.suffix in {".a", ".lib"} else path.with_suffix(".lib")


def _variant(parts: tuple[str, ...]) -> str:
    return re.sub(r"[^\w]+", "-", " ".join(parts))


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
    return done.stdout
