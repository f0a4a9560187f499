"""Strip a slice: drop debugging symbols and local symbols, as `strip -x` does."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.formats.macho import nlist
from nativewheel.formats.macho.constants import LC_DYSYMTAB, N_EXT, N_PBUD, N_STAB, N_TYPE, N_UNDF
from nativewheel.formats.macho.linkedit import Piece
from nativewheel.formats.macho.symtab import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPS = Struct("<6I")
_GROUPS_AT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripped:
    """The new tables, and how many local, defined and undefined symbols are in them, in this order."""

    pieces: dict[Piece, bytes]
    counts: tuple[int, int, int]

    def write_counts(self, command: bytearray) -> None:
        """Write the groups of symbols into LC_DYSYMTAB; leave other load commands as they are."""
        if int.from_bytes(command[:4], "little") == LC_DYSYMTAB:
            local, defined, undefined = self.counts
            _GROUPS.pack_into(command, _GROUPS_AT, 0, local, local, defined, local + defined, undefined)


def strip(pieces: Mapping[Piece, bytes]) -> Stripped | None:
    """Return what changes, or None: where there is nothing to strip, and where relocations refer to symbols by number."""
    if Piece.EXTERNAL_RELOCATIONS in pieces or Piece.SYMBOLS not in pieces:
        return None
    table = decode(pieces[Piece.SYMBOLS], pieces.get(Piece.STRINGS, b""))
    indirect = nlist.indirect_symbols(pieces)
    smaller, indirect = nlist.without_locals(table, indirect)
    groups = [_group(kind) for kind in smaller.types]
    if len(smaller.types) == len(table.types) or [key for key, _ in groupby(groups)] != sorted(set(groups)):
        return None
    new = nlist.rewrite(smaller, nlist.symbol_names(smaller), nlist.SymbolEdits(names={}, descriptions={}, aliased={}))
    if indirect:
        if sys.byteorder == "big":
            indirect.byteswap()
        new[Piece.INDIRECT_SYMBOLS] = indirect.tobytes()
    return Stripped(pieces=new, counts=(groups.count(0), groups.count(1), groups.count(2)))


def _group(kind: int) -> int:
    """Return which group of LC_DYSYMTAB a symbol belongs to: local, defined or undefined ones."""
    if kind & N_STAB or not kind & N_EXT:
        return 0
    return 2 if kind & N_TYPE in {N_UNDF, N_PBUD} else 1
