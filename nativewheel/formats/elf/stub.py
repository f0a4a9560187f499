"""Link stubs: shared objects without code that offer the symbols of a library to linkers, under the name that developers know.

A linker script, the other way, is not taken by every linker when it is named by its path (zig), and knows no other names for symbols.
Linkers read sections; which section a symbol is in, and where, tells them how to copy a variable into a program, and which symbols are one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.elf.dynamic import (
    DT_SONAME,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMENT,
    DT_SYMTAB,
    DT_VERDEF,
    DT_VERDEFNUM,
    DT_VERSYM,
    Dynamic,
    read_dynamic,
)
from nativewheel.formats.elf.file import opened
from nativewheel.formats.elf.hashing import sysv_hash
from nativewheel.formats.elf.layout import IDENT_SIZE
from nativewheel.formats.elf.machine import architecture
from nativewheel.formats.elf.skeleton import (
    SHT_DYNSYM,
    SHT_GNU_VERDEF,
    SHT_GNU_VERSYM,
    SHT_NOBITS,
    SHT_STRTAB,
    Section,
    Strings,
    assemble,
)
from nativewheel.formats.elf.symbols import SHN_ABS, SHN_LORESERVE, SymbolTable, offered, read_table, symbol_bytes, texts
from nativewheel.formats.elf.versions import VER_FLG_BASE, read_definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from nativewheel.formats.elf.file import ElfFile
    from nativewheel.formats.image import Identity

SHF_KEPT = 0x407
"""SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR and SHF_TLS."""

SECTION_NAME_LIMIT = 256
VER_NDX_GLOBAL = 1
VERSION_HIDDEN = 0x8000


def link_stub(library: Buffer, identity: Identity, plain_names: Mapping[str, str]) -> bytes:
    """Write the stub of ``library``: linking with it gives DT_NEEDED ``identity``.

    ``plain_names`` gives the name in the stub and the name in the library.  Raises ``UnreadableError``, also when the library has no sections.
    """
    with opened(library) as elf:
        architecture(elf)
        dynamic = read_dynamic(elf)
        if dynamic is None:
            raise UnreadableError("a static program offers no symbols to link with")
        return _write(elf, dynamic, identity, {unique.encode(): plain.encode() for plain, unique in plain_names.items()})


def _write(elf: ElfFile, dynamic: Dynamic, identity: Identity, plain: Mapping[bytes, bytes]) -> bytes:
    table = read_table(elf, dynamic)
    indexes = offered(table)
    homes = sorted({table.sections[index] for index in indexes if table.sections[index] < SHN_LORESERVE})
    numbers = {home: number for number, home in enumerate(homes, 1)}
    strings = Strings()
    soname = strings.add(identity.encode())
    stride = elf.layout.columns.stride
    symbols = _symbols(elf, dynamic, table, indexes, numbers, strings, plain)
    versions, definitions, count = _versions(elf, dynamic, table, indexes, strings, identity)
    sections = [
        *_homes(elf, homes),
        Section(name=".dynsym", type=SHT_DYNSYM, content=symbols, link=".dynstr", info=1, entry=stride),
        Section(name=".dynstr", type=SHT_STRTAB, content=strings.content(), align=1),
    ]
    tags: list[tuple[int, int | str]] = [
        (DT_SONAME, soname),
        (DT_STRTAB, ".dynstr"),
        (DT_SYMTAB, ".dynsym"),
        (DT_STRSZ, len(strings.content())),
        (DT_SYMENT, stride),
    ]
    if count:
        sections += [
            Section(name=".gnu.version", type=SHT_GNU_VERSYM, content=versions, link=".dynsym", align=2, entry=2),
            Section(name=".gnu.version_d", type=SHT_GNU_VERDEF, content=definitions, link=".dynstr", info=count),
        ]
        tags += [(DT_VERSYM, ".gnu.version"), (DT_VERDEF, ".gnu.version_d"), (DT_VERDEFNUM, count)]
    return assemble(elf, sections, tags, loadable=False)


def _symbols(
    elf: ElfFile,
    dynamic: Dynamic,
    table: SymbolTable,
    indexes: list[int],
    numbers: Mapping[int, int],
    strings: Strings,
    plain: Mapping[bytes, bytes],
) -> bytes:
    columns, word, half = elf.layout.columns, elf.layout.word, struct.Struct(elf.layout.order + "H")
    raw = symbol_bytes(elf, dynamic, len(table.names))
    start, end = dynamic.strings
    names = texts(elf.take(start, end - start, "the dynamic string table"), ((index, table.names[index]) for index in indexes))
    rows = bytearray(columns.stride)
    for index, name in zip(indexes, names, strict=True):
        row = bytearray(raw[index * columns.stride : (index + 1) * columns.stride])
        word.pack_into(row, columns.name, strings.add(plain.get(name, name)))
        half.pack_into(row, columns.section, numbers.get(table.sections[index], SHN_ABS))
        rows += row
    return bytes(rows)


def _versions(
    elf: ElfFile, dynamic: Dynamic, table: SymbolTable, indexes: list[int], strings: Strings, identity: Identity
) -> tuple[bytes, bytes, int]:
    """Return the version of each symbol, the definitions, and how many these are, none for a library without versions."""
    defined = read_definitions(elf, dynamic)
    if not defined or not table.versions:
        return b"", b"", 0
    chosen = [table.versions[index] if table.versions[index] & ~VERSION_HIDDEN in defined else VER_NDX_GLOBAL for index in indexes]
    record, auxiliary = elf.layout.definition, elf.layout.definition_aux
    size = record.size + auxiliary.size
    rows = [(VER_FLG_BASE, VER_NDX_GLOBAL, identity.encode()), *((0, index, name.encode()) for index, name in defined.items())]
    definitions = b"".join(
        record.pack(1, flags, index, 1, sysv_hash(name), record.size, size if position < len(rows) else 0) + auxiliary.pack(strings.add(name), 0)
        for position, (flags, index, name) in enumerate(rows, 1)
    )
    return struct.pack(f"{elf.layout.order}{len(chosen) + 1}H", 0, *chosen), definitions, len(rows)


def _homes(elf: ElfFile, homes: list[int]) -> list[Section]:
    """Return the sections of the library that hold symbols, without their content."""
    form = elf.layout.section
    shoff, size, count = elf.sections
    if homes and (size != form.size or homes[-1] >= count):
        raise UnreadableError("the library has no section headers, from which linkers learn where its symbols are", where=("e_shoff",))
    header = elf.unpack(elf.layout.header, IDENT_SIZE, "the ELF header")
    names = elf.unpack(form, shoff + header[-1] * size, "the section of section names") if homes else ()
    sections = []
    for home in homes:
        name, _, flags, address, _, extent, _, _, align, _ = elf.unpack(form, shoff + home * size, "a section header")
        text = elf.text(names[4] + name, names[4] + names[5], SECTION_NAME_LIMIT, "the name of a section")
        sections.append(Section(name=text, type=SHT_NOBITS, flags=flags & SHF_KEPT, address=address, size=extent, align=align))
    return sections
