"""Give the symbols of one slice other names and libraries: decide what becomes of each, then write the tables that say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.macho import bindopcodes, chained, nlist, trie
from nativewheel.formats.macho.linkedit import Piece, padded
from nativewheel.formats.macho.renaming import plan
from nativewheel.formats.macho.symtab import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Edit
    from nativewheel.formats.macho.renaming import Renaming
    from nativewheel.formats.macho.slices import Slice
    from nativewheel.formats.macho.symtab import SymbolTable

TRIES = (Piece.EXPORT, Piece.EXPORTS_TRIE)
BOUND_BY_DYLD = {Piece.REBASE, Piece.BIND, Piece.LAZY_BIND, Piece.WEAK_BIND, Piece.CHAINED_FIXUPS, *TRIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChanges:
    """What is to become of the symbols of a slice.

    ``exports`` are those of each trie that changes, as they are to be.  ``table`` and ``names`` are the symbol table as it was.
    """

    renaming: Renaming
    exports: Mapping[Piece, list[trie.Export]]
    table: SymbolTable
    names: list[bytes]
    edits: nlist.SymbolEdits


def decide(image: Slice, edit: Edit, pieces: Mapping[Piece, bytes]) -> SymbolChanges | None:
    """Find what ``edit`` does to the symbols; None if it names none of them and none of their libraries.

    Raises ``UnreadableError``, and ``LinkageError`` for what cannot be renamed.
    """
    if not (edit.rename_symbols or edit.flat or edit.rename_imports):
        return None
    tries = {piece: trie.decode(pieces[piece]) for piece in TRIES if piece in pieces}
    renaming = plan(image, edit, (item.name for exports in tries.values() for item in exports))
    if not renaming:
        return None
    if not pieces.keys() & BOUND_BY_DYLD and Piece.SYMBOLS in pieces:
        raise LinkageError("cannot rename symbols of an image that is bound by relocations, as linkers made them for Mac OS X 10.5")
    renamed = {piece: [renaming.export(item) for item in exports] for piece, exports in tries.items()}
    table = decode(pieces.get(Piece.SYMBOLS, b""), pieces.get(Piece.STRINGS, b""))
    names = nlist.symbol_names(table)
    return SymbolChanges(
        renaming=renaming,
        exports={piece: _unique(exports) for piece, exports in renamed.items() if exports != tries[piece]},
        table=table,
        names=names,
        edits=nlist.find_edits(image, table, names, renaming),
    )


def write(image: Slice, changes: SymbolChanges, pieces: Mapping[Piece, bytes]) -> dict[Piece, bytes]:
    """Return the pieces of __LINKEDIT that change."""
    new = {piece: padded(trie.encode(exports)) for piece, exports in changes.exports.items()}
    new |= _edit_binds(pieces, changes.renaming, len(image.data) // bindopcodes.POINTER)
    if Piece.CHAINED_FIXUPS in pieces:
        new |= _edit_chained(pieces[Piece.CHAINED_FIXUPS], changes.renaming)
    if changes.edits:
        new |= nlist.rewrite(changes.table, changes.names, changes.edits)
    return new


def _unique(exports: list[trie.Export]) -> list[trie.Export]:
    names: set[bytes] = set()
    for item in exports:
        if item.name in names:
            raise LinkageError(f"two exported symbols would have the name {item.name.decode('utf-8', 'backslashreplace')}")
        names.add(item.name)
    return exports


def _edit_binds(pieces: Mapping[Piece, bytes], renaming: Renaming, most: int) -> dict[Piece, bytes]:
    """Edit the opcodes; a lazy bind that changes makes all of them regular ones, as the linker's -bind_at_load does.

    __stub_helper holds offsets into the lazy table, which must stay right or unused; and dyld from macOS 12 on resolves all binds at load anyway.
    """
    regular = bindopcodes.decode(pieces.get(Piece.BIND, b""), most=most).binds
    lazy = bindopcodes.decode(pieces.get(Piece.LAZY_BIND, b""), lazy=True, most=most).binds
    new_regular, new_lazy = ([_bind(item, renaming) for item in binds] for binds in (regular, lazy))
    new: dict[Piece, bytes] = {}
    if new_lazy != lazy:
        # Of two binds of one pointer, the later one counts: dyld makes the regular ones first.
        places = {(item.segment, item.offset) for item in new_lazy}
        new_regular = [item for item in new_regular if (item.segment, item.offset) not in places] + new_lazy
        new[Piece.LAZY_BIND] = b""
    if new_regular != regular:
        new[Piece.BIND] = padded(bindopcodes.encode(new_regular))
    weak = bindopcodes.decode(pieces.get(Piece.WEAK_BIND, b""), most=most)
    symbols = [(renaming.weak(name, overrides=bool(flags & bindopcodes.NON_WEAK_DEFINITION)), flags) for name, flags in weak.symbols]
    if symbols != weak.symbols:
        binds = [item._replace(name=renaming.weak(item.name)) for item in weak.binds]
        new[Piece.WEAK_BIND] = padded(bindopcodes.encode_weak(binds, symbols))
    return new


def _bind(item: bindopcodes.Bind, renaming: Renaming) -> bindopcodes.Bind:
    ordinal, name = renaming.reference(item.ordinal, item.name)
    return item if (ordinal, name) == item[:2] else item._replace(ordinal=ordinal, name=name)


def _edit_chained(blob: bytes, renaming: Renaming) -> dict[Piece, bytes]:
    fixups = chained.decode(blob)
    imports = []
    for item in fixups.imports:
        ordinal, name = renaming.reference(item.ordinal, item.name)
        imports.append(item._replace(ordinal=ordinal, name=name))
    if tuple(imports) == fixups.imports:
        return {}
    edited = replace(fixups, imports=tuple(imports))
    return {Piece.CHAINED_FIXUPS: padded(chained.encode(edited))}
