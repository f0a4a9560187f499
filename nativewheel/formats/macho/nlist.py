"""Edit the symbol table (LC_SYMTAB): dlsym, dladdr, nm and strip go by it.

Entries keep their order and number, because the indirect symbol table refers to them by number.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.constants import (
    BIND_SPECIAL_DYLIB_FLAT_LOOKUP,
    DYNAMIC_LOOKUP_ORDINAL,
    MH_TWOLEVEL,
    N_EXT,
    N_INDR,
    N_PBUD,
    N_STAB,
    N_TYPE,
    N_UNDF,
)
from nativewheel.formats.macho.linkedit import Piece, padded
from nativewheel.formats.macho.symtab import NLIST_SIZE, TEXT_BUDGET, SymbolTable, library_ordinal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nativewheel.formats.macho.renaming import Renaming
    from nativewheel.formats.macho.slices import Slice

STRINGS_LIMIT = 1 << 30
FILLING = 64
"""Zeros at the end of a string table; many more, or many names that no symbol has, make it slower to read all of it than what is used."""
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


def find_edits(image: Slice, table: SymbolTable, names: Sequence[bytes], renaming: Renaming) -> SymbolEdits:
    """Find which symbols change; ``names`` are those of all symbols."""
    edits = SymbolEdits(names={}, descriptions={}, aliased={})
    wanted: dict[bytes, bytes] = {}
    for index in table.undefined:
        name, description = names[index], table.descriptions[index]
        # Without MH_TWOLEVEL the high byte has no meaning.
        ordinal = library_ordinal(description) if image.flags & MH_TWOLEVEL else BIND_SPECIAL_DYLIB_FLAT_LOOKUP
        new_ordinal, new_name = renaming.reference(ordinal, name)
        if new_name != name:
            edits.names[index] = wanted[name] = new_name
        if new_ordinal != ordinal:
            edits.descriptions[index] = description & 0xFF | DYNAMIC_LOOKUP_ORDINAL << 8
    if renaming.own:
        for index, kind in enumerate(table.types):
            if kind & (N_STAB | N_EXT) == N_EXT and kind & N_TYPE not in {N_UNDF, N_PBUD} and names[index] in renaming.own:
                edits.names[index] = renaming.own[names[index]]
    for index in aliases(table):
        target = text(table, table.values[index])
        new = wanted.get(target, renaming.own.get(target, target))
        if new != target:
            edits.aliased[index] = new
    return edits


def symbol_names(table: SymbolTable) -> list[bytes]:
    """Return the names of all symbols.  Raises ``UnreadableError`` for one outside the string table."""
    known: dict[int, bytes] = {}
    if table.strings.count(0) < 2 * len(table.names) + FILLING:
        parts = table.strings.split(b"\0")
        # What is behind the last zero does not end.
        parts.pop()
        known = dict(zip(_starts(parts), parts, strict=False))
    # Names may be the tails of others.
    left = TEXT_BUDGET
    for place in table.names:
        if place not in known:
            known[place] = text(table, place)
            left -= len(known[place])
            if left < 0:
                raise UnreadableError(f"symbol names of more than {TEXT_BUDGET} bytes", where=("LC_SYMTAB",))
    return [known[place] for place in table.names]


def _starts(names: Sequence[bytes]) -> Iterator[int]:
    """Yield where each name starts in a string table, and the end; without a loop in Python."""
    return map(add, accumulate(map(len, names), initial=0), count())


def aliases(table: SymbolTable) -> list[int]:
    """Return the indexes of symbols (N_INDR) whose value is the name of another one, as an offset in the string table."""
    kinds = {kind for kind in set(table.types) if not kind & N_STAB and kind & N_TYPE == N_INDR}
    return [index for index, kind in enumerate(table.types) if kind in kinds] if kinds else []


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


def rewrite(table: SymbolTable, names: Sequence[bytes], edits: SymbolEdits) -> dict[Piece, bytes]:
    """Return the new symbol and string tables.  Names that nothing refers to any more are gone; equal ones are there once."""
    new_names = list(names)
    for index, name in edits.names.items():
        new_names[index] = name
    targets = {index: edits.aliased.get(index) or text(table, table.values[index]) for index in aliases(table)}
    # Offset 0 means no name, whatever is there.
    first = text(table, 0) if table.strings else b""
    unique = list(dict.fromkeys([first, *new_names, *targets.values()]))
    places = dict(zip(unique, _starts(unique), strict=False))
    strings = b"\0".join(unique) + b"\0"
    if len(strings) >= STRINGS_LIMIT:
        raise UnreadableError(f"symbol names of more than {STRINGS_LIMIT} bytes", where=("LC_SYMTAB",))
    descriptions, values = array("H", table.descriptions), array("Q", table.values)
    for index, description in edits.descriptions.items():
        descriptions[index] = description
    for index, target in targets.items():
        values[index] = places[target]
    packed = _pack(array("I", map(places.__getitem__, new_names)), table.types, table.sections, descriptions, values)
    return {Piece.SYMBOLS: packed, Piece.STRINGS: padded(strings)}


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
