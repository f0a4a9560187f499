"""Small Mach-O libraries and modules, built from machosources/ by every linker that makes them away from a Mac."""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import machoedit
from machofile import CPU_TYPES, MachO

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

SOURCES = Path(__file__).parent / "machosources"
SDK = SOURCES / "sdk"
ARCHS = ("x86_64", "arm64")
LINKERS = ("zig", "opcodes", "chains", "offsets")
LLD = [*sorted(Path("/usr/lib").glob("llvm-*/bin/ld64.lld")), *(Path(found) for found in [shutil.which("ld64.lld")] if found)]
LLD_OPTIONS = {"opcodes": "-no_fixup_chains", "chains": "-fixup_chains", "offsets": "-fixup_chains"}
"""``offsets`` are chains whose pointers count from the header, as Apple's linkers write them for macOS 12 and later."""
ZIG = (sys.executable, "-m", "ziglang")
ZIG_ARCHS = {"x86_64": "x86_64", "arm64": "aarch64"}
COMPILER_OPTIONS = ("-g0", "-O1", "-fno-builtin", "-fno-stack-protector", "-fno-sanitize=all")
UNIVERSAL_ALIGNMENT = 14
LC_LAZY_LOAD_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB = 0x20, 0x8000001F, 0x80000023
MOST_CHARACTERS = 200
"""In a name of a file or folder."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Images of one linker for one architecture, or ``universal2`` for both, each built below ``folder`` when it is first asked for.

    The name of each library starts with ``@rpath/``, and no image has an LC_RPATH.  ``options`` are those of a Mach-O linker.
    """

    linker: str
    arch: str
    folder: Path

    def foo(self, version: int = 1, *options: str, less: bool = False) -> Path:
        """Return the provider's library; ``less`` lacks what consumers import weakly."""
        defines = (f"-DFOO_VERSION={version}", *(("-DFOO_LESS",) if less else ()))
        return self._made(lambda thin: thin.link("libfoo.dylib", "foo.c", *defines, options=options))

    def poor_foo(self) -> Path:
        """Return a library of the same name that lacks all that consumers want."""
        return self._made(lambda thin: thin.link("libfoo.dylib", "ring.c", "-DRING=foo", "-DOTHER=foo", "-DRING_VALUE=0", "-DRING_STUB"))

    def bar(self, *options: str, far: bool = False, how: tuple[str, ...] = ()) -> Path:
        """Return the consumer of foo; ``far`` has an addend of more than 32 bits, ``how`` is an option of ld64.lld to link the library with."""
        defines = ("-DBAR_FAR",) if far else ()
        return self._made(lambda thin: thin.link("_bar.so", "bar.c", *defines, links=(*how, thin.foo()), options=options))

    def bar_flat(self) -> Path:
        """Return a consumer of foo that was linked without it, as build systems do that allow undefined symbols."""
        return self._made(lambda thin: thin.link("_bar.so", "bar.c", "-DBAR_FLAT"))

    def shape(self) -> Path:
        """Return a C++ library of weak definitions."""
        return self._made(lambda thin: thin.link("libshape.dylib", "shape.cpp"))

    def drawing(self) -> Path:
        """Return the consumer of shape."""
        return self._made(lambda thin: thin.link("_drawing.so", "drawing.cpp", links=(thin.shape(),)))

    def front(self) -> Path:
        """Return a library that re-exports two names of libfoo, one under another name and one with an empty import name."""
        return self._made(Samples._front)

    def baz(self) -> Path:
        """Return the consumer of front."""
        return self._made(lambda thin: thin.link("_baz.so", "baz.c", links=(SOURCES / "front.tbd",)))

    def ring(self, *options: str) -> tuple[Path, Path]:
        """Return two libraries that need each other."""
        left, right = ("-DRING=left", "-DOTHER=right", "-DRING_VALUE=1"), ("-DRING=right", "-DOTHER=left", "-DRING_VALUE=2")

        def second(thin: Samples) -> Path:
            stub = thin.link("libright.dylib", "ring.c", "-DRING_STUB", *right)
            return thin.link(
                "libright.dylib",
                "ring.c",
                *right,
                links=(thin.link("libleft.dylib", "ring.c", *left, links=(stub,), options=options),),
                options=options,
            )

        def first(thin: Samples) -> Path:
            return thin.link("libleft.dylib", "ring.c", *left, links=(second(thin),), options=options)

        return self._made(first), self._made(second)

    def mid(self, name: str = "mid", *options: str) -> Path:
        """Return a library called ``name`` that needs foo."""
        return self._made(lambda thin: thin.link(f"lib{name}.dylib", "mid.c", f"-DMID={name}", links=(thin.foo(),), options=options))

    def outer(self, name: str = "mid", *options: str, foo: bool = False) -> Path:
        """Return the consumer of such a library; with ``foo`` it needs that, too."""
        defines = (f"-DMID={name}", *(("-DOUTER_FOO",) if foo else ()))

        def build(thin: Samples) -> Path:
            return thin.link("_outer.so", "outer.c", *defines, links=(*((thin.foo(),) if foo else ()), thin.mid(name)), options=options)

        return self._made(build)

    def bar_by(self, command: int) -> Path:
        """Return the consumer of foo that asks for it by another load command."""

        def build(thin: Samples) -> Path:
            plain = thin.bar()
            path = plain.with_name(f"by-{command:x}") / plain.name
            if not path.exists():
                path.parent.mkdir()
                path.write_bytes(machoedit.with_command(plain.read_bytes(), "@rpath/libfoo.dylib", command))
            return path

        return self._made(build)

    def program(self) -> Path:
        """Return a program that needs foo; zig cannot make it."""
        return self._made(lambda thin: thin.link("prog", "prog.c", links=(thin.foo(),), options=("-execute", "-headerpad", "200")))

    def numbered(self) -> tuple[Path, Path]:
        """Return foo with a number in its name, and the consumer of that."""

        def library(thin: Samples) -> Path:
            return thin.link("libfoo.1.dylib", "foo.c", "-DFOO_VERSION=5")

        return self._made(library), self._made(lambda thin: thin.link("_bar.so", "bar.c", "-DBAR_NUMBERED", links=(library(thin),)))

    def umbrella(self) -> tuple[Path, Path]:
        """Return a library that re-exports libfoo as a whole, and a consumer of symbols of both that is linked with this one alone."""

        def library(thin: Samples) -> Path:
            plain = thin.link("libfront.dylib", "front.c", links=(thin.foo(),))
            path = plain.with_name("umbrella") / plain.name
            if not path.exists():
                path.parent.mkdir()
                path.write_bytes(machoedit.with_command(plain.read_bytes(), "@rpath/libfoo.dylib", LC_REEXPORT_DYLIB))
            return path

        def consumer(thin: Samples) -> Path:
            return thin.link("_baz.so", "baz.c", "-DBAZ_UMBRELLA", links=(SOURCES / "front.tbd",))

        return self._made(library), self._made(consumer)

    def ringer(self) -> Path:
        """Return the consumer of both libraries of the ring."""
        return self._made(lambda thin: thin.link("_ringer.so", "ringer.c", links=thin.ring()))

    def twin(self) -> Path:
        """Return a library of another name with the symbols of foo."""
        return self._made(lambda thin: thin.link("libtwin.dylib", "foo.c", "-DFOO_VERSION=7"))

    def bar_of_two(self) -> Path:
        """Return a consumer that looks everywhere for symbols that two of its libraries have; zig cannot make it."""
        return self._made(lambda thin: thin.link("_bar.so", "bar.c", "-DBAR_TWO", links=(thin.foo(), thin.twin()), options=("-flat_namespace",)))

    def later(self, name: str, library: str, folder: Path, *defines: str) -> Path:
        """Return a module like ``name`` that is linked with a library found by its plain name in ``folder``; zig knows no thread-local stubs."""
        source = {"bar": "bar.c", "baz": "baz.c", "drawing": "drawing.cpp"}[name]
        less = ("-DBAR_FLAT",) if self.linker == "zig" else ()
        return self._made(lambda thin: thin.link(f"_{name}.so", source, *defines, *less, links=(f"-L{folder}", f"-l{library}")))

    def _made(self, build: Callable[[Samples], Path]) -> Path:
        if self.arch != "universal2":
            return build(self)
        parts = [build(replace(self, arch=arch)) for arch in ARCHS]
        joined = self.folder / self.linker / self.arch / parts[0].relative_to(self.folder / self.linker / ARCHS[0])
        if not joined.exists():
            joined.parent.mkdir(parents=True, exist_ok=True)
            joined.write_bytes(join_universal([part.read_bytes() for part in parts]))
        return joined

    def link(self, name: str, source: str, *defines: str, links: tuple[str | Path, ...] = (), options: tuple[str, ...] = ()) -> Path:
        variant = _variant(source, *defines, *options, *(link for link in links if isinstance(link, str)))
        path = self.folder / self.linker / self.arch / variant / name
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        # zig brings the C library by itself.
        libraries = (
            *links,
            *(() if self.linker == "zig" else (SDK / "usr/lib/libSystem.B.tbd",)),
            *((SDK / "usr/lib/libc++.1.tbd",) if source.endswith("cpp") else ()),
        )
        # A module's symbols of Python are left to the interpreter.
        flags = (*options, *(("-undefined", "dynamic_lookup") if name.endswith(".so") else ()))
        named = () if "-bundle" in flags else ("-install_name", f"@rpath/{name}")
        _run(*self._linker(path, (*flags, *named)), self._object(source, defines), *libraries)
        if self.linker == "offsets":
            path.write_bytes(machoedit.with_offsets(path.read_bytes()))
        return path

    def _linker(self, path: Path, flags: tuple[str, ...]) -> tuple[str | Path, ...]:
        if self.linker == "zig":
            target = ("-target", f"{ZIG_ARCHS[self.arch]}-macos.11.0")
            return (*ZIG, "cc", *target, "-nostdlib", "-shared", "-o", path, f"-Wl,{','.join(flags)}")
        platform = ("-arch", self.arch, "-platform_version", "macos", "11.0", "11.0", "-syslibroot", SDK)
        return (LLD[-1], *platform, LLD_OPTIONS[self.linker], "-o", path, *(() if "-bundle" in flags else ("-dylib",)), *flags)

    def _object(self, source: str, defines: tuple[str, ...]) -> Path:
        """Compile; what the linkers get is the same."""
        path = self.folder / "objects" / self.arch / f"{_variant(source, *defines)}.o"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            cxx = ("-std=c++17", "-fno-exceptions", "-nostdinc++") if source.endswith("cpp") else ()
            program = "c++" if cxx else "cc"
            target = ("-target", f"{ZIG_ARCHS[self.arch]}-macos.11.0")
            _run(*ZIG, program, *target, *COMPILER_OPTIONS, *cxx, *defines, "-c", "-o", path, SOURCES / source)
        return path

    def _front(self) -> Path:
        plain = self.link("libfront.dylib", "front.c", links=(self.foo(),))
        path = plain.with_name("aliased") / plain.name
        if not path.exists():
            names = [dylib.name for dylib in MachO(plain.read_bytes()).dylibs]
            ordinal = names.index("@rpath/libfoo.dylib") + 1
            edited = {"_foo_alias": (ordinal, "_foo_renamed"), "_foo_add": (ordinal, "")}
            path.parent.mkdir()
            path.write_bytes(machoedit.with_reexports(plain.read_bytes(), {"_front_version"}, edited))
        return path


def kinds(*names: str) -> list[tuple[str, str, str]]:
    """Return (linker, architecture of the samples, architecture of the process) for each of these linkers."""
    return [(name, arch, cpu) for name in names for arch in (*ARCHS, "universal2") for cpu in ARCHS if arch in {cpu, "universal2"}]


def linkers() -> tuple[str, ...]:
    """Return the linkers that this machine has."""
    return LINKERS if LLD else ("zig",)


def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the samples of this run of pytest."""
    return tmp_path_factory.getbasetemp() / "macho-samples"


def join_universal(thin: list[bytes]) -> bytes:
    """Join thin images as lipo does: a big-endian header and list, slices on 2^14 boundaries."""
    header, body = bytearray(struct.pack(">2I", 0xCAFEBABE, len(thin))), bytearray()
    start = 1 << UNIVERSAL_ALIGNMENT
    for data in thin:
        body += bytes(-len(body) % (1 << UNIVERSAL_ALIGNMENT))
        cpu, subtype = struct.unpack_from("<2I", data, 4)
        assert cpu in CPU_TYPES.values()
        header += struct.pack(">5I", cpu, subtype, start + len(body), len(data), UNIVERSAL_ALIGNMENT)
        body += data
    return bytes(header).ljust(start, b"\0") + bytes(body)


def _variant(*words: str) -> str:
    """Return the name of a file or folder for one way to make something."""
    name = re.sub(r"[^\w]+", "-", " ".join(words))
    return name if len(name) <= MOST_CHARACTERS else hashlib.sha256(name.encode()).hexdigest()


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
