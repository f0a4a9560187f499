"""Compare an edited Mach-O file with its source: what was asked must have happened, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.image import Arch, Requirement
from nativewheel.formats.macho import bindopcodes, chained, nlist, trie
from nativewheel.formats.macho.commands import DYLIB_KINDS
from nativewheel.formats.macho.constants import LC_CODE_SIGNATURE, LC_ID_DYLIB, LC_RPATH, LC_SEGMENT_64, LC_UUID
from nativewheel.formats.macho.layoutcheck import layout_problems
from nativewheel.formats.macho.linkedit import FIELDS, Piece, read_pieces
from nativewheel.formats.macho.reader import model
from nativewheel.formats.macho.signature import Signer
from nativewheel.formats.macho.signature import verify as verify_signature
from nativewheel.formats.macho.slices import HEADER, opened
from nativewheel.formats.macho.symtab import decode as decode_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Buffer

    from nativewheel.formats.image import Edit, Image
    from nativewheel.formats.macho.renaming import Renaming
    from nativewheel.formats.macho.slices import MachFile, Slice
    from nativewheel.formats.macho.symboledit import SymbolChanges
    from nativewheel.formats.macho.symtab import SymbolTable

Pieces = dict[Piece, bytes]

EDITED = {LC_CODE_SIGNATURE, LC_ID_DYLIB, LC_RPATH, LC_UUID, *DYLIB_KINDS}
"""Load commands that an edit may change by itself."""

BOUND = (Piece.BIND, Piece.LAZY_BIND, Piece.WEAK_BIND, Piece.CHAINED_FIXUPS)
"""Pieces that name the symbols that an image is bound to."""
CHUNK = 1 << 20


def verify(before: MachFile, result: Buffer, edit: Edit, changes: Sequence[SymbolChanges | None], name: str) -> Image:
    """Check that ``result`` is ``before`` with ``edit`` made, and return the model of it.

    ``changes`` are what was decided for the symbols of each slice.  Raises ``MachineError``, which says what is wrong.
    """
    try:
        with opened(result) as after:
            for problem in _problems(before, after, edit, changes):
                raise MachineError(f"the edited file is damaged: {problem}", hint="please report this, with the file")
            return model(after, name)
    except UnreadableError as error:
        raise MachineError(f"the edited file is damaged: {error}", hint="please report this, with the file") from error


def _problems(before: MachFile, after: MachFile, edit: Edit, changes: Sequence[SymbolChanges | None]) -> Iterator[str]:
    if [image.arch for image in before.slices] != [image.arch for image in after.slices] or before.is_fat != after.is_fat:
        yield "it has other slices"
        return
    for old, new, change in zip(before.slices, after.slices, changes, strict=True):
        if _same_bytes(old, new, 0, len(old.data)) and len(old.data) == len(new.data):
            continue
        known = set(layout_problems(old))
        yield from (problem for problem in layout_problems(new) if problem not in known)
        yield from _signature(old, new)
        yield from _commands(old, new, edit)
        yield from _contents(old, new)
        yield from _linkedit(old, new, edit, change)


def _same_bytes(old: Slice, new: Slice, start: int, end: int) -> bool:
    """Compare by copies, because the comparison of two views takes fifty times as long."""
    return all(
        bytes(old.data[at : min(at + CHUNK, end)]) == bytes(new.data[at : min(at + CHUNK, end)])  # a megabyte each
        for at in range(start, end, CHUNK)
    )


def _signature(old: Slice, new: Slice) -> Iterator[str]:
    state = verify_signature(new)
    wanted = Signer.AD_HOC if old.arch is Arch.AARCH64 or old.code_signature is not None else Signer.NOBODY
    if state.signer is not wanted:
        yield f"it is signed by {state.signer} and not by {wanted}"
    if state.problem is not None:
        yield state.problem


def _commands(old: Slice, new: Slice, edit: Edit) -> Iterator[str]:
    identity = edit.identity if edit.identity is not None and old.id_dylib is not None else old.id_dylib
    if new.id_dylib != identity:
        yield f"the install name is {new.id_dylib!r} and not {identity!r}"
    names: dict[str, str] = dict(edit.replace)
    flat: dict[str, str] = {binding.dependency: binding.identity for binding in edit.flat}
    wanted = [(flat[dylib.name], Requirement.WEAK) if dylib.name in flat else (names.get(dylib.name, dylib.name), dylib.kind) for dylib in old.dylibs]
    if [(dylib.name, dylib.kind) for dylib in new.dylibs] != wanted:
        yield f"the dependencies are {', '.join(dylib.name for dylib in new.dylibs)} and not {', '.join(name for name, _ in wanted)}"
    rpaths = old.rpaths if edit.rpaths is None else edit.rpaths
    if new.rpaths != rpaths:
        yield f"the search path is {':'.join(new.rpaths)!r} and not {':'.join(rpaths)!r}"
    if (old.uuid is None) != (new.uuid is None):
        yield "LC_UUID is lost"
    if [dylib.command.body[16:24] for dylib in new.dylibs] != [dylib.command.body[16:24] for dylib in old.dylibs]:
        yield "the versions of libraries changed"
    if _header(old) != _header(new) or _kept(old) != _kept(new):
        yield "other load commands changed"


def _header(image: Slice) -> tuple[int, ...]:
    """Return the fields of the header without the number and size of load commands."""
    fields = HEADER.unpack_from(image.data)
    return (*fields[:4], *fields[6:])


def _kept(image: Slice) -> list[bytes]:
    """Return the load commands that no edit is to change, without what they say of __LINKEDIT."""
    kept: list[bytes] = []
    for command in image.commands:
        if command.cmd in FIELDS:
            kept.append(command.body[:4])
        elif command.cmd == LC_SEGMENT_64 and command.body[8:19] == b"__LINKEDIT\0":
            kept.append(command.body[:32] + command.body[40:48] + command.body[56:])
        else:
            kept.append(command.body)
    return [body for body, command in zip(kept, image.commands, strict=True) if command.cmd not in EDITED]


def _contents(old: Slice, new: Slice) -> Iterator[str]:
    ends = [segment.fileoff for image in (old, new) for segment in image.segments if segment.name == "__LINKEDIT"]
    if ends != ends[:1] * 2:
        yield "__LINKEDIT has moved"
    elif not _same_bytes(old, new, old.header_limit, ends[0]):
        yield "code or data changed"


def _linkedit(old: Slice, new: Slice, edit: Edit, changes: SymbolChanges | None) -> Iterator[str]:
    before, after = read_pieces(old), read_pieces(new)
    for pieces in (before, after):
        pieces.pop(Piece.SIGNATURE, None)
    edited = {*BOUND, *changes.exports} if changes else set()
    if edit.strip:
        edited.add(Piece.INDIRECT_SYMBOLS)
    if edit.strip or (changes and changes.edits):
        edited |= {Piece.SYMBOLS, Piece.STRINGS}
        yield from _symbols(before, after, edit, changes)
    for piece in before.keys() | after.keys():
        if piece not in edited and before.get(piece) != after.get(piece):
            yield f"the {piece.name.lower().replace('_', ' ')} changed"
    if changes:
        yield from _references(before, after, changes.renaming, len(old.data) // bindopcodes.POINTER)
        for piece, items in changes.exports.items():
            if trie.decode(after.get(piece, b"")) != sorted(items):
                yield "the exported symbols are not those that were asked for"


def _references(before: Pieces, after: Pieces, renaming: Renaming, most: int) -> Iterator[str]:
    old, new = ({(item.segment, item.offset): item for item in _binds(pieces, most)} for pieces in (before, after))
    for place, item in old.items():
        ordinal, name = renaming.reference(item.ordinal, item.name)
        old[place] = item._replace(ordinal=ordinal, name=name)
    if old != new:
        yield "the bound symbols are not those that were asked for"
    weak_before, weak_after = (bindopcodes.decode(pieces.get(Piece.WEAK_BIND, b""), most=most) for pieces in (before, after))
    if sorted(item._replace(name=renaming.weak(item.name)) for item in weak_before.binds) != sorted(weak_after.binds):
        yield "the weakly bound symbols are not those that were asked for"
    strong = bindopcodes.NON_WEAK_DEFINITION
    symbols = {(name if flags & strong else renaming.weak(name), flags) for name, flags in weak_before.symbols}
    if symbols != set(weak_after.symbols):
        yield "the weak symbols are not those that were asked for"
    if Piece.CHAINED_FIXUPS in before:
        yield from _chained(before[Piece.CHAINED_FIXUPS], after.get(Piece.CHAINED_FIXUPS, b""), renaming)


def _binds(pieces: Mapping[Piece, bytes], most: int) -> list[bindopcodes.Bind]:
    lazy = bindopcodes.decode(pieces.get(Piece.LAZY_BIND, b""), lazy=True, most=most).binds
    return bindopcodes.decode(pieces.get(Piece.BIND, b""), most=most).binds + lazy


def _chained(before: bytes, after: bytes, renaming: Renaming) -> Iterator[str]:
    old, new = chained.decode(before), chained.decode(after)
    if not new.starts.startswith(old.starts):
        yield "the starts of the fixup chains changed"
    if [(*renaming.reference(item.ordinal, item.name), item.weak, item.addend) for item in old.imports] != [
        (item.ordinal, item.name, item.weak, item.addend) for item in new.imports
    ]:
        yield "the imported symbols are not those that were asked for"


def _symbols(before: Pieces, after: Pieces, edit: Edit, changes: SymbolChanges | None) -> Iterator[str]:
    old, new = (decode_symbols(pieces.get(Piece.SYMBOLS, b""), pieces.get(Piece.STRINGS, b"")) for pieces in (before, after))
    if edit.strip and len(new.types) < len(old.types):
        old, indirect = nlist.without_locals(old, nlist.indirect_symbols(before))
        if indirect != nlist.indirect_symbols(after):
            yield "the indirect symbols changed"
    names, descriptions = list(changes.names) if changes else nlist.symbol_names(old), list(old.descriptions)
    aliased: Mapping[int, bytes] = {}
    if changes:
        for index, name in changes.edits.names.items():
            names[index] = name
        for index, description in changes.edits.descriptions.items():
            descriptions[index] = description
        aliased = changes.edits.aliased
    if (old.types, old.sections) != (new.types, new.sections):
        yield "the symbol table has other symbols"
    elif names != nlist.symbol_names(new) or descriptions != list(new.descriptions):
        yield "the names in the symbol table are not those that were asked for"
    elif _values(old, aliased) != _values(new, {}):
        yield "the values in the symbol table changed"


def _values(table: SymbolTable, aliased: Mapping[int, bytes]) -> list[int | bytes]:
    """Return n_value, and for an alias the name that it stands for."""
    values: list[int | bytes] = list(table.values)
    for index in nlist.aliases(table):
        values[index] = aliased.get(index) or nlist.text(table, table.values[index])
    return values
