"""What an ELF image is for (program, extension module, library), and which C library it is made for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nativewheel.formats.elf.dynamic import DF_1_PIE, DT_DEBUG, DT_FLAGS_1, Dynamic
from nativewheel.formats.elf.layout import ET_EXEC
from nativewheel.formats.elf.symbols import read_table
from nativewheel.formats.image import Kind, Libc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.elf.file import ElfFile
    from nativewheel.formats.elf.versions import Need

HOOK_LIMIT = 1024
"""Most strings with ``PyInit`` that are looked at; libpython has some 60."""

_MUSL_SUFFIX = re.compile(r"-linux-musl[a-z0-9_]*\.so$")
_GLIBC_SUFFIX = re.compile(r"\.cpython-3(\d+)[a-z]*-.*-linux-gnu[a-z0-9_]*\.so$")
FIRST_MINOR_WITH_TRUE_SUFFIX = 11
"""CPython 3.11 is the first whose extension suffix says musl where it means musl (bpo-43112); before, every libc had ``gnu``."""


def kind(elf: ElfFile, dynamic: Dynamic | None, interpreter: str | None, name: str) -> Kind:
    """Tell programs, extension modules and libraries apart; ``name`` is the file name."""
    if dynamic is None:
        return Kind.PROGRAM if elf.type == ET_EXEC else Kind.LIBRARY
    # Linkers write DT_DEBUG for programs only; those before binutils 2.26 mark a PIE in no other way.
    runnable = dynamic.values.get(DT_FLAGS_1, 0) & DF_1_PIE or (interpreter is not None and DT_DEBUG in dynamic.values)
    if elf.type == ET_EXEC or runnable:
        return Kind.PROGRAM
    if _is_extension(elf, dynamic, name):
        return Kind.EXTENSION
    return Kind.PROGRAM if interpreter is not None and dynamic.soname is None else Kind.LIBRARY


def _is_extension(elf: ElfFile, dynamic: Dynamic, name: str) -> bool:
    # Every suffix that importlib knows on Linux ends like this, so there is no need to search the names of libfoo.so.1.
    # libpython defines the hooks of all built-in modules, yet nobody imports it.
    if not name.endswith(".so") or (dynamic.soname is not None and dynamic.soname.startswith("libpython")):
        return False
    hooks = set(_hooks(elf, dynamic, name))
    return bool(hooks) and read_table(elf, dynamic).defines(hooks)


def _hooks(elf: ElfFile, dynamic: Dynamic, name: str) -> Iterator[int]:
    """Yield the offsets in the string table of names that Python looks for in an extension module.

    Source: PEP 489 (``PyInit_``, and ``PyInitU_`` for names that are not ASCII), Python 2's ``init<module>``, cffi's ``_cffi_pypyinit_<module>``.
    """
    start, end = dynamic.strings
    position = start
    for _ in range(HOOK_LIMIT):
        position = elf.find(b"PyInit", position, end)
        if position < 0:
            break
        if elf.find(b"_", position + 6, position + 7) >= 0 or elf.find(b"U_", position + 6, position + 8) >= 0:
            yield position - start
        position += 6
    module = name.partition(".")[0].encode("utf-8", "replace")
    for symbol in (b"init" + module, b"_cffi_pypyinit_" + module):
        position = elf.find(b"\0" + symbol + b"\0", start, end)
        if module and position >= 0:
            yield position + 1 - start


def libc(dynamic: Dynamic | None, interpreter: str | None, needs: tuple[Need, ...], name: str) -> Libc | None:
    """Tell which C library an image is made for, from its interpreter, its dependencies, its version needs, and at last its file name."""
    loaders = [interpreter.rpartition("/")[2]] if interpreter else []
    needed = dynamic.needed if dynamic is not None else ()
    for file in (*loaders, *needed):
        if file == "libc.so.6" or file.startswith(("ld-linux", "ld64.so.")):
            return Libc.GLIBC
        if file.startswith(("ld-musl-", "libc.musl-")):
            return Libc.MUSL
    if any(need.version.startswith("GLIBC_") for need in needs):
        return Libc.GLIBC
    # musl-gcc and zig link with the name libc.so.  Android's C library is called so, too, but its symbols have versions.
    if "libc.so" in needed:
        return Libc.MUSL if all(need.file != "libc.so" for need in needs) else None
    if _MUSL_SUFFIX.search(name):
        return Libc.MUSL
    suffix = _GLIBC_SUFFIX.search(name)
    return Libc.GLIBC if suffix and int(suffix[1]) >= FIRST_MINOR_WITH_TRUE_SUFFIX else None
