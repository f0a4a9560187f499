"""The dynamic symbol table, decoded by column: a large library has a hundred thousand symbols, and few of them matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nativewheel.errors import UnreadableError
from nativewheel.formats.elf.dynamic import (
    DT_GNU_HASH,
    DT_HASH,
    DT_JMPREL,
    DT_PLTREL,
    DT_PLTRELSZ,
    DT_REL,
    DT_RELA,
    DT_RELASZ,
    DT_RELSZ,
    DT_SYMTAB,
    DT_VERSYM,
    Dynamic,
)
from nativewheel.formats.elf.hashing import GNU_HASH_HEADER
from nativewheel.formats.elf.versions import read_definitions, read_needs
from nativewheel.formats.image import Identity, Symbol

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator

    from nativewheel.formats.elf.file import ElfFile

EM_S390 = 22
SHN_UNDEF, SHN_LORESERVE, SHN_ABS = 0, 0xFF00, 0xFFF1
STB_LOCAL, STB_WEAK, STB_GNU_UNIQUE = 0, 2, 10
STT_SECTION = 3
STV_INTERNAL, STV_HIDDEN = 1, 2
VER_NDX_LOCAL = 0
HASH_TABLE = "the symbol hash table (DT_HASH)"
CHAIN_BLOCK = 4096
"""Bytes of a hash chain that are read at once."""

TEXT_BUDGET = 1 << 28
"""Most bytes of symbol names in one file; names may share a tail, so the size of the string table is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTable:
    """The dynamic symbols, column by column; ``names`` are offsets in the string table, ``versions`` is DT_VERSYM or empty."""

    names: array[int]
    info: bytes
    other: bytes
    sections: array[int]
    versions: array[int]

    def defines(self, names: set[int]) -> bool:
        """Tell whether this image defines a symbol whose name is at one of the offsets ``names``."""
        return any(section != SHN_UNDEF for name, section in zip(self.names, self.sections, strict=True) if name in names)


def read_table(elf: ElfFile, dynamic: Dynamic) -> SymbolTable:
    """Read the dynamic symbol table."""
    columns = elf.layout.columns
    count = count_symbols(elf, dynamic) if DT_SYMTAB in dynamic.values else 0
    raw = symbol_bytes(elf, dynamic, count)
    words, halves = elf.layout.numbers(raw, 4), elf.layout.numbers(raw, 2)
    return SymbolTable(
        names=words[columns.name // 4 :: columns.stride // 4],
        info=raw[columns.info :: columns.stride],
        other=raw[columns.other :: columns.stride],
        sections=halves[columns.section // 2 :: columns.stride // 2],
        versions=elf.layout.numbers(version_bytes(elf, dynamic, count), 2),
    )


def symbol_bytes(elf: ElfFile, dynamic: Dynamic, count: int) -> bytes:
    """Return the symbol table as it is in the file."""
    size = count * elf.layout.columns.stride
    what = "the dynamic symbol table (DT_SYMTAB)"
    return elf.take(elf.locate(dynamic.values[DT_SYMTAB], size, what), size, what) if count else b""


def version_bytes(elf: ElfFile, dynamic: Dynamic, count: int) -> bytes:
    """Return the version indexes of the symbols as they are in the file."""
    what = "the symbol versions (DT_VERSYM)"
    if DT_VERSYM not in dynamic.values or not count:
        return b""
    return elf.take(elf.locate(dynamic.values[DT_VERSYM], 2 * count, what), 2 * count, what)


def imports(elf: ElfFile, dynamic: Dynamic) -> Iterator[Symbol]:
    """Yield the symbols that an image wants, with the library that symbol versioning names."""
    table = read_table(elf, dynamic)
    versions = {need.index: (need.version, Identity(need.file)) for need in read_needs(elf, dynamic)}
    wanted = [index for index, section in enumerate(table.sections) if section == SHN_UNDEF and table.names[index]]
    for index, name in zip(wanted, _texts(elf, dynamic, table, wanted), strict=True):
        version, library = versions.get(table.versions[index] & 0x7FFF, (None, None)) if table.versions else (None, None)
        if table.info[index] >> 4 != STB_LOCAL:
            yield Symbol(name=name, version=version, library=library, weak=table.info[index] >> 4 == STB_WEAK)


def exports(elf: ElfFile, dynamic: Dynamic) -> Iterator[Symbol]:
    """Yield the symbols that an image offers.

    A program's copy of a library's variable is an export, too; its version is that of the library.  The variables of C++ templates and inline
    functions count as weak: they are STB_GNU_UNIQUE instead (gABI supplement for GNU), because all images must agree on one copy.
    """
    table = read_table(elf, dynamic)
    versions = {need.index: need.version for need in read_needs(elf, dynamic)} | read_definitions(elf, dynamic)
    indexes = offered(table)
    for index, name in zip(indexes, _texts(elf, dynamic, table, indexes), strict=True):
        version = versions.get(table.versions[index] & 0x7FFF) if table.versions else None
        yield Symbol(name=name, version=version, weak=table.info[index] >> 4 in {STB_WEAK, STB_GNU_UNIQUE})


def offered(table: SymbolTable) -> list[int]:
    """Return the indexes of the symbols that an image offers."""
    return [index for index, section in enumerate(table.sections) if section != SHN_UNDEF and _is_visible(table, index)]


def _is_visible(table: SymbolTable, index: int) -> bool:
    return bool(
        table.names[index]
        and table.info[index] >> 4 != STB_LOCAL
        and table.other[index] & 3 not in {STV_INTERNAL, STV_HIDDEN}
        and not (table.versions and table.versions[index] == VER_NDX_LOCAL)
    )


def _texts(elf: ElfFile, dynamic: Dynamic, table: SymbolTable, indexes: Iterable[int]) -> Iterator[str]:
    start, end = dynamic.strings
    strings = elf.take(start, end - start, "the dynamic string table")
    for name in texts(strings, ((index, table.names[index]) for index in indexes)):
        yield name.decode("utf-8", "backslashreplace")


def texts(strings: bytes, names: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the names of symbols, given the string table, and for each symbol its index and the offset of its name."""
    left = TEXT_BUDGET
    for index, name in names:
        stop = strings.find(b"\0", name)
        if stop < 0:
            raise UnreadableError("the name of a symbol is outside the string table", where=(f"dynamic symbol {index}",))
        left -= stop - name
        if left < 0:
            raise UnreadableError(f"symbol names of more than {TEXT_BUDGET} bytes", where=("DT_STRTAB",))
        yield strings[name:stop]


def count_symbols(elf: ElfFile, dynamic: Dynamic) -> int:
    """Return the number of dynamic symbols, which no field states.

    DT_HASH has one chain link for each symbol.  DT_GNU_HASH lists only the defined ones, which are last; where it is empty (a program, mostly),
    relocations tell which symbols there are.
    """
    if DT_HASH in dynamic.values:
        start, size = _hash_table(elf, dynamic.values[DT_HASH])
        return elf.layout.numbers(elf.take(start, 2 * size, HASH_TABLE), size)[1]
    hashed = count_hashed(elf, dynamic.values[DT_GNU_HASH]) if DT_GNU_HASH in dynamic.values else 0
    return hashed or _count_relocated(elf, dynamic)


def hash_chains(elf: ElfFile, dynamic: Dynamic) -> array[int]:
    """Return the words of DT_HASH: the numbers of buckets and of chains, the buckets, the chains."""
    start, size = _hash_table(elf, dynamic.values[DT_HASH])
    words = sum(elf.layout.numbers(elf.take(start, 2 * size, HASH_TABLE), size)) + 2
    return elf.layout.numbers(elf.take(elf.locate(dynamic.values[DT_HASH], words * size, HASH_TABLE), words * size, HASH_TABLE), size)


def _hash_table(elf: ElfFile, address: int) -> tuple[int, Literal[4, 8]]:
    """Return the file offset of DT_HASH and the size of its words."""
    start = elf.locate(address, 16, HASH_TABLE)
    # The s390x ABI made the words of this table 8 bytes long, but not every linker knows.  The number of buckets is never zero.
    return start, 8 if elf.machine == EM_S390 and elf.layout.numbers(elf.take(start, 4, HASH_TABLE), 4)[0] == 0 else 4


def count_hashed(elf: ElfFile, address: int) -> int:
    """Return the number of symbols that a GNU hash table implies, 0 when it lists none."""
    what = "the symbol hash table (DT_GNU_HASH)"
    offset = elf.locate(address, GNU_HASH_HEADER, what)
    _, end = elf.extent(address, what)
    buckets, first, bloom, _ = elf.layout.numbers(elf.take(offset, GNU_HASH_HEADER, what), 4)
    table = offset + GNU_HASH_HEADER + bloom * (8 if elf.layout.wide else 4)
    chains = table + 4 * buckets
    if chains > end:
        raise UnreadableError(f"{what} reaches past the end of its segment", where=(f"address {address:#x}",))
    last = max(elf.layout.numbers(elf.take(table, 4 * buckets, what), 4), default=0)
    if last < first or not last:
        return 0
    position = chains + 4 * (last - first)
    # The last link of a chain is odd.
    while position < end:
        block = elf.layout.numbers(elf.take(position, min(CHAIN_BLOCK, end - position), what), 4)
        for step, link in enumerate(block):
            if link & 1:
                return (position - chains) // 4 + step + 1 + first
        position += CHAIN_BLOCK
    raise UnreadableError("a chain of the symbol hash table (DT_GNU_HASH) has no end", where=(f"address {address:#x}",))


def _count_relocated(elf: ElfFile, dynamic: Dynamic) -> int:
    values = dynamic.values
    tables = [(DT_RELA, DT_RELASZ, True), (DT_REL, DT_RELSZ, False), (DT_JMPREL, DT_PLTRELSZ, values.get(DT_PLTREL) == DT_RELA)]
    present = ((at, size, addend) for at, size, addend in tables if at in values and values.get(size))
    return max((_last_symbol(elf, values[at], values[size], addend=addend) + 1 for at, size, addend in present), default=0)


def _last_symbol(elf: ElfFile, address: int, size: int, *, addend: bool) -> int:
    what = "a relocation table"
    raw = elf.take(elf.locate(address, size, what), size, what)
    words = elf.layout.numbers(raw, 4)
    if not elf.layout.wide:
        return max(words[1 :: 3 if addend else 2], default=0) >> 8
    # r_info is one 64-bit field, with the symbol in its upper half.
    return max(words[3 if elf.layout.order == "<" else 2 :: 6 if addend else 4], default=0)
