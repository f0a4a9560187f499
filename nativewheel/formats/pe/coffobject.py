"""COFF object files, small ones as in import libraries: other contents for sections, and other names for symbols.

Source: Microsoft's "PE Format".
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEADER = Struct("<HHIIIHH")
SECTION = Struct("<8sIIIIIIHHI")
RELOCATION_SIZE = 10
SYMBOL_SIZE = 18
NAME_SIZE = 8
AUXILIARY_COUNT = 17
"""Offset of NumberOfAuxSymbols in a symbol."""
STORAGE_CLASS, STATIC = 16, 3
"""Offset of StorageClass; IMAGE_SYM_CLASS_STATIC, which symbols of sections have, with the size of the section in the next record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of an object; ``header`` is as in the file, and its offsets are changed when it is written."""

    name: bytes
    header: bytes
    content: bytes
    relocations: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CoffObject:
    """An object file; ``symbols`` are records of 18 bytes each with those that belong to it, and with its name."""

    header: bytes
    sections: tuple[Section, ...]
    symbols: tuple[tuple[bytes, bytes], ...]


def read_object(data: bytes) -> CoffObject:
    """Read an object file.  Raises ``UnreadableError``, also for one that has line numbers or more sections than linkers put there."""
    if len(data) < HEADER.size:
        raise UnreadableError("an object file ends inside its header")
    _, count, _, symbol_table, symbol_count, optional_size, _ = HEADER.unpack_from(data)
    strings = symbol_table + symbol_count * SYMBOL_SIZE
    if optional_size or HEADER.size + count * SECTION.size > len(data) or strings > len(data):
        raise UnreadableError("an object file of unknown form")
    return CoffObject(
        header=data[: HEADER.size],
        sections=tuple(_section(data, HEADER.size + number * SECTION.size) for number in range(count)),
        symbols=tuple(_symbols(data[symbol_table:strings], data[strings:])),
    )


def write_object(source: CoffObject, contents: Mapping[int, bytes], renamed: Callable[[bytes], bytes]) -> bytes:
    """Write an object with other ``contents`` for some sections, by number from 0, and with the names that ``renamed`` gives to its symbols."""
    body = bytearray()
    start = HEADER.size + len(source.sections) * SECTION.size
    headers = b""
    for number, section in enumerate(source.sections):
        content = contents.get(number, section.content)
        fields = list(SECTION.unpack(section.header))
        size = len(content) if number in contents else fields[3]
        fields[3], fields[4] = size, start + len(body) if content else 0
        body += content
        fields[5] = start + len(body) if section.relocations else 0
        body += section.relocations
        headers += SECTION.pack(*fields)
    machine, count, timestamp, _, _, optional_size, flags = HEADER.unpack(source.header)
    sizes = {source.sections[number].name: len(content) for number, content in contents.items()}
    records, strings = _write_symbols(source, sizes, renamed)
    header = HEADER.pack(machine, count, timestamp, start + len(body), len(records) // SYMBOL_SIZE, optional_size, flags)
    return header + headers + bytes(body) + records + (len(strings) + 4).to_bytes(4, "little") + strings


def _section(data: bytes, place: int) -> Section:
    header = data[place : place + SECTION.size]
    name, _, _, size, offset, relocations, _, relocation_count, line_count, _ = SECTION.unpack(header)
    end = relocations + relocation_count * RELOCATION_SIZE
    if line_count or (offset and offset + size > len(data)) or end > len(data):
        raise UnreadableError("an object file of unknown form", where=(name.rstrip(b"\0").decode("ascii", "backslashreplace"),))
    return Section(
        name=name.rstrip(b"\0"),
        header=header,
        content=data[offset : offset + size] if offset else b"",
        relocations=data[relocations:end] if relocation_count else b"",
    )


def _symbols(records: bytes, strings: bytes) -> list[tuple[bytes, bytes]]:
    symbols: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(records):
        size = SYMBOL_SIZE * (1 + records[position + AUXILIARY_COUNT])
        record = records[position : position + size]
        if len(record) < size:
            raise UnreadableError("the symbols of an object file are damaged")
        symbols.append((record, _name(record[:NAME_SIZE], strings)))
        position += size
    return symbols


def _name(field: bytes, strings: bytes) -> bytes:
    if field[:4] != bytes(4):
        return field.rstrip(b"\0")
    start = int.from_bytes(field[4:], "little")
    end = strings.find(b"\0", start)
    if end < 0:
        raise UnreadableError("a symbol of an object file has no name")
    return strings[start:end]


def _write_symbols(source: CoffObject, sizes: Mapping[bytes, int], renamed: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    records, strings = bytearray(), bytearray()
    for record, old in source.symbols:
        new = renamed(old)
        if len(new) <= NAME_SIZE:
            name = new.ljust(NAME_SIZE, b"\0")
        else:
            name = bytes(4) + (len(strings) + 4).to_bytes(4, "little")
            strings += new + b"\0"
        rest = bytearray(record[NAME_SIZE:])
        if old in sizes and record[STORAGE_CLASS] == STATIC and len(record) > SYMBOL_SIZE:
            rest[SYMBOL_SIZE - NAME_SIZE : SYMBOL_SIZE - NAME_SIZE + 4] = sizes[old].to_bytes(4, "little")
        records += name + rest
    return bytes(records), bytes(strings)
