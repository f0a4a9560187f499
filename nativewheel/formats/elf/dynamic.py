"""The dynamic section: what an image tells the loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.elf.layout import PT_DYNAMIC

if TYPE_CHECKING:
    from nativewheel.formats.elf.file import ElfFile

DT_NULL = 0
DT_NEEDED = 1
DT_PLTRELSZ = 2
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_RELA = 7
DT_RELASZ = 8
DT_STRSZ = 10
DT_SYMENT = 11
DT_SONAME = 14
DT_RPATH = 15
DT_REL = 17
DT_RELSZ = 18
DT_PLTREL = 20
DT_DEBUG = 21
DT_JMPREL = 23
DT_RUNPATH = 29
DT_RELRSZ = 35
DT_RELR = 36
DT_GNU_HASH = 0x6FFFFEF5
DT_VERSYM = 0x6FFFFFF0
DT_FLAGS_1 = 0x6FFFFFFB
DT_VERDEF = 0x6FFFFFFC
DT_VERDEFNUM = 0x6FFFFFFD
DT_VERNEED = 0x6FFFFFFE

DF_1_PIE = 0x08000000

NAME_LIMIT = 4096
"""Longest library name, bytes: PATH_MAX of Linux, which no file name and no path can exceed."""

PATHS_LIMIT = 1 << 20
"""Longest DT_RPATH or DT_RUNPATH, bytes."""

NEEDED_LIMIT = 1 << 14
"""Most DT_NEEDED entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamic:
    """The dynamic section.

    ``values`` has the last value of each tag, as the loader keeps it; ``tags`` all tags in order; ``strings`` the file offsets where DT_STRTAB
    begins and ends, or two zeros when there is none.
    """

    values: dict[int, int]
    tags: tuple[int, ...]
    needed: tuple[str, ...]
    soname: str | None
    rpaths: tuple[str, ...]
    inherited_rpaths: bool
    strings: tuple[int, int]


def read_dynamic(elf: ElfFile) -> Dynamic | None:
    """Read the dynamic section; None for a static program and for a file of debug information, whose segments are empty."""
    segment = elf.first(PT_DYNAMIC)
    if segment is None or not segment.filesz:
        return None
    form = elf.layout.dynamic
    offset = elf.locate(segment.address, segment.filesz, "the dynamic section")
    table = elf.take(offset, segment.filesz - segment.filesz % form.size, "the dynamic section")
    values: dict[int, int] = {}
    tags: list[int] = []
    needed: list[int] = []
    for tag, value in form.iter_unpack(table):
        if tag == DT_NULL:
            break
        tags.append(tag)
        values[tag] = value
        if tag == DT_NEEDED:
            needed.append(value)
    else:
        raise UnreadableError("the dynamic section has no end (DT_NULL)", where=(f"file offset {offset:#x}",))
    if len(needed) > NEEDED_LIMIT:
        raise UnreadableError(f"more than {NEEDED_LIMIT} dependencies", where=("DT_NEEDED",))
    strings = _string_table(elf, values)
    return _named(elf, values, tuple(tags), needed, strings)


def _named(elf: ElfFile, values: dict[int, int], tags: tuple[int, ...], needed: list[int], strings: tuple[int, int]) -> Dynamic:
    start, end = strings
    # ld.so ignores DT_RPATH as soon as DT_RUNPATH is there (ld.so(8), "If a shared object dependency does not contain a slash").
    search = DT_RUNPATH if DT_RUNPATH in values else DT_RPATH
    paths = elf.text(start + values[search], end, PATHS_LIMIT, "the library search path") if search in values else None
    return Dynamic(
        values=values,
        tags=tags,
        needed=tuple(elf.text(start + offset, end, NAME_LIMIT, "a DT_NEEDED name") for offset in needed),
        soname=elf.text(start + values[DT_SONAME], end, NAME_LIMIT, "the DT_SONAME name") if DT_SONAME in values else None,
        rpaths=tuple(paths.split(":")) if paths is not None else (),
        inherited_rpaths=search == DT_RPATH and paths is not None,
        strings=strings,
    )


def _string_table(elf: ElfFile, values: dict[int, int]) -> tuple[int, int]:
    if DT_STRTAB not in values:
        return 0, 0
    size = values.get(DT_STRSZ, 0)
    start = elf.locate(values[DT_STRTAB], size, "the dynamic string table (DT_STRTAB)")
    return start, start + size
