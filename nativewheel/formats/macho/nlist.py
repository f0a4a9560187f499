"""Edit the symbol table (LC_SYMTAB): dlsym, dladdr, nm and strip go by it.

Entries keep their order and number, because the indirect symbol table refers to them by number.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.constants import DYNAMIC_LOOKUP_ORDINAL, MH_TWOLEVEL, N_EXT, N_INDR, N_PBUD, N_STAB, N_TYPE, N_UNDF
from nativewheel.formats.macho.linkedit import Piece
from nativewheel.formats.macho.symtab import NLIST_SIZE, TEXT_BUDGET, SymbolTable, library_ordinal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.macho.renaming import Renaming
    from nativewheel.formats.macho.slices import Slice


NO_SYMBOL = 0xC0000000
"""INDIRECT_SYMBOL_LOCAL and INDIRECT_SYMBOL_ABS, instead of a number in the indirect symbol table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolEdits:
    """The new names and the new n_desc of some symbols, by their index; ``aliased`` are new names that N_INDR symbols stand for."""

    names: dict[int, bytes]
    descriptions: dict[int, int]
    aliased: dict[int, bytes]

    def __bool__(self) -> bool:
        return bool(self.names or self.descriptions or self.aliased)


def find_edits(image: Slice, table: SymbolTable, renaming: Renaming) -> SymbolEdits:
    """Find which symbols change."""
    edits = SymbolEdits(names={}, descriptions={}, aliased={})
    wanted: dict[bytes, bytes] = {}
    undefined = table.undefined
    for index, name in zip(undefined, table.texts(undefined), strict=True):
        description = table.descriptions[index]
        # Without MH_TWOLEVEL the high byte has no meaning.
        ordinal = library_ordinal(description) if image.flags & MH_TWOLEVEL else -2
        new_ordinal, new_name = renaming.reference(ordinal, name)
        if new_name != name:
            edits.names[index] = wanted[name] = new_name
        if new_ordinal != ordinal:
            edits.descriptions[index] = description & 0xFF | DYNAMIC_LOOKUP_ORDINAL << 8
    if renaming.own:
        offered = _defined(table)
        for index, name in zip(offered, table.texts(offered), strict=True):
            if name in renaming.own:
                edits.names[index] = renaming.own[name]
    for index in aliases(table):
        target = text(table, table.values[index])
        new = wanted.get(target, renaming.own.get(target, target))
        if new != target:
            edits.aliased[index] = new
    return edits


def _defined(table: SymbolTable) -> list[int]:
    return [index for index, kind in enumerate(table.types) if kind & (N_STAB | N_EXT) == N_EXT and kind & N_TYPE not in {N_UNDF, N_PBUD}]


def aliases(table: SymbolTable) -> list[int]:
    """Return the indexes of symbols (N_INDR) whose value is the name of another one, as an offset in the string table."""
    return [index for index, kind in enumerate(table.types) if not kind & N_STAB and kind & N_TYPE == N_INDR]


def indirect_symbols(pieces: Mapping[Piece, bytes]) -> array[int]:
    """Return the numbers of symbols that stubs and lazy pointers stand for."""
    numbers = array("I", pieces.get(Piece.INDIRECT_SYMBOLS, b""))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def without_locals(table: SymbolTable, indirect: array[int]) -> tuple[SymbolTable, array[int]]:
    """Return the table without debugging symbols and those that nothing outside the image can see, and the indirect table for it.

    What the indirect table refers to stays.
    """
    used = {number for number in indirect if not number & NO_SYMBOL}
    kept = [index for index, kind in enumerate(table.types) if kind & (N_STAB | N_EXT) == N_EXT or index in used]
    places = {old: new for new, old in enumerate(kept)}
    if used - places.keys():
        raise UnreadableError("the indirect symbol table refers to symbols that there are not", where=("LC_DYSYMTAB",))
    smaller = SymbolTable(
        names=array("I", [table.names[index] for index in kept]),
        types=bytes(table.types[index] for index in kept),
        sections=bytes(table.sections[index] for index in kept),
        descriptions=array("H", [table.descriptions[index] for index in kept]),
        values=array("Q", [table.values[index] for index in kept]),
        strings=table.strings,
    )
    return smaller, array("I", [number if number & NO_SYMBOL else places[number] for number in indirect])


def rewrite(table: SymbolTable, edits: SymbolEdits) -> dict[Piece, bytes]:
    """Return the new symbol and string tables.  Names that nothing refers to any more are gone."""
    strings = _Strings(table)
    targets: dict[int, int] = {}
    for index in aliases(table):
        targets[index] = strings.add(edits.aliased[index]) if index in edits.aliased else strings.move(table.values[index])
    names = array("I", map(strings.move, table.names))
    for index, name in edits.names.items():
        names[index] = strings.add(name)
    descriptions = array("H", table.descriptions)
    for index, description in edits.descriptions.items():
        descriptions[index] = description
    values = array("Q", table.values)
    for index, value in targets.items():
        values[index] = value
    return {Piece.SYMBOLS: _pack(names, table.types, table.sections, descriptions, values), Piece.STRINGS: strings.finish()}


class _Strings:
    """A string table that grows; names keep their first order."""

    def __init__(self, table: SymbolTable) -> None:
        self.table = table
        # Offset 0 means no name, whatever is there.
        first = text(table, 0)
        self.content = bytearray(first + b"\0")
        self.moved = {0: 0}
        self.places = {first: 0}

    def add(self, name: bytes) -> int:
        place = self.places.get(name)
        if place is None:
            place = self.places[name] = len(self.content)
            self.content += name
            self.content.append(0)
            if place > TEXT_BUDGET:
                raise UnreadableError(f"symbol names of more than {TEXT_BUDGET} bytes", where=("LC_SYMTAB",))
        return place

    def move(self, old: int) -> int:
        new = self.moved.get(old)
        if new is None:
            new = self.moved[old] = self.add(text(self.table, old))
        return new

    def finish(self) -> bytes:
        return bytes(self.content) + bytes(-len(self.content) % 8)


def text(table: SymbolTable, offset: int) -> bytes:
    """Return the name at an offset of the string table."""
    stop = table.strings.find(b"\0", offset)
    if stop < 0:
        raise UnreadableError("the name of a symbol is outside the string table", where=(f"offset {offset:#x} of the string table",))
    return table.strings[offset:stop]


def _pack(names: array[int], types: bytes, sections: bytes, descriptions: array[int], values: array[int]) -> bytes:
    """Write the columns of a table row by row."""
    raw = bytearray(NLIST_SIZE * len(types))
    raw[4::NLIST_SIZE] = types
    raw[5::NLIST_SIZE] = sections
    columns: tuple[tuple[array[int], int], ...] = ((names, 0), (descriptions, 6), (values, 8))
    for column, at in columns:
        if sys.byteorder == "big":
            column.byteswap()
        content = column.tobytes()
        for byte in range(column.itemsize):
            raw[at + byte :: NLIST_SIZE] = content[byte :: column.itemsize]
    return bytes(raw)
