"""The symbol table (LC_SYMTAB), decoded by column: what nm, dlsym on old systems and strip read; dyld itself goes by tries and fixups.

Source: mach-o/nlist.h.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nativewheel.errors import UnreadableError
from nativewheel.formats.macho.constants import DYNAMIC_LOOKUP_ORDINAL, N_EXT, N_PBUD, N_PEXT, N_STAB, N_TYPE, N_UNDF

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nativewheel.formats.macho.slices import Slice

NLIST_SIZE = 16
TEXT_BUDGET = 1 << 28
"""Most bytes of symbol names in one image; names may share a tail, so the size of the string table is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTable:
    """The fields of all ``nlist_64``, column by column: n_strx, n_type, n_sect, n_desc and n_value; ``strings`` is the whole string table."""

    names: array[int]
    types: bytes
    sections: bytes
    descriptions: array[int]
    values: array[int]
    strings: bytes

    @property
    def undefined(self) -> list[int]:
        """The indexes of symbols that the image wants of others; common symbols, which have a value, are not among them."""
        return [index for index, kind in enumerate(self.types) if kind & (N_STAB | N_EXT) == N_EXT and kind & N_TYPE in {N_UNDF, N_PBUD}]

    @property
    def exported(self) -> list[int]:
        """The indexes of symbols that the image offers."""
        visible = N_STAB | N_PEXT | N_EXT
        return [index for index, kind in enumerate(self.types) if kind & visible == N_EXT and kind & N_TYPE not in {N_UNDF, N_PBUD}]

    def texts(self, indexes: Iterable[int]) -> Iterator[bytes]:
        """Yield the names of symbols, with the leading underscore."""
        left = TEXT_BUDGET
        for index in indexes:
            start = self.names[index]
            stop = self.strings.find(b"\0", start)
            if stop < 0:
                raise UnreadableError("the name of a symbol is outside the string table", where=(f"symbol {index}",))
            left -= stop - start
            if left < 0:
                raise UnreadableError(f"symbol names of more than {TEXT_BUDGET} bytes", where=("LC_SYMTAB",))
            yield self.strings[start:stop]


def library_ordinal(description: int) -> int:
    """Return the ordinal in the high byte of n_desc, as binds count: 0 is the image itself, -1 the program, -2 whichever image has the symbol."""
    ordinal = description >> 8
    return ordinal - 0x100 if ordinal >= DYNAMIC_LOOKUP_ORDINAL else ordinal


def read_symbols(image: Slice) -> SymbolTable:
    """Read the symbol table, which is empty if there is none.  Raises ``UnreadableError``."""
    symtab = image.symtab
    if symtab is None:
        return decode(b"", b"")
    raw = image.take(symtab.symoff, symtab.nsyms * NLIST_SIZE, "the symbol table (LC_SYMTAB)")
    strings = image.take(symtab.stroff, symtab.strsize, "the string table (LC_SYMTAB)")
    return decode(raw, strings)


def decode(raw: bytes, strings: bytes) -> SymbolTable:
    """Take whole entries apart, the names of which are in ``strings``."""
    return SymbolTable(
        names=_numbers("I", raw)[::4],
        types=raw[4::NLIST_SIZE],
        sections=raw[5::NLIST_SIZE],
        descriptions=_numbers("H", raw)[3::8],
        values=_numbers("Q", raw)[1::2],
        strings=strings,
    )


def _numbers(code: Literal["H", "I", "Q"], raw: bytes) -> array[int]:
    values = array(code, raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values
