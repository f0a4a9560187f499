"""Make an edit to one slice: new load commands, a new __LINKEDIT, a new signature, and every other byte as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.image import Arch
from nativewheel.formats.macho import bindopcodes, chained, codesign, nlist, trie
from nativewheel.formats.macho.constants import LC_CODE_SIGNATURE, MH_EXECUTE
from nativewheel.formats.macho.linkedit import Piece, lay_out, linkedit_segment, padded, read_pieces, write_fields, write_segment
from nativewheel.formats.macho.loadedit import command_number, edit_commands, write_header
from nativewheel.formats.macho.renaming import plan
from nativewheel.formats.macho.strip import strip
from nativewheel.formats.macho.symtab import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.image import Edit
    from nativewheel.formats.macho.renaming import Renaming
    from nativewheel.formats.macho.slices import Slice

PAGE_SIZES = {Arch.AARCH64: 0x4000, Arch.X86_64: 0x1000}
TRIES = (Piece.EXPORT, Piece.EXPORTS_TRIE)


def rewrite(image: Slice, edit: Edit, name: str) -> bytearray | None:
    """Return the slice with ``edit`` made to it, or None if the edit changes nothing there.

    ``name`` identifies the image in its signature if it has no install name.  Raises ``UnreadableError``, and ``LinkageError`` for what cannot be
    done.
    """
    pieces = read_pieces(image)
    signed = pieces.pop(Piece.SIGNATURE, None) is not None or image.arch is Arch.AARCH64
    stripped = strip(pieces) if edit.strip else None
    if stripped is not None:
        pieces |= stripped.pieces
    renamed = edit_symbols(image, edit, pieces)
    commands = edit_commands(image, edit, signed=signed, renamed=renamed)
    if not renamed and stripped is None and _same(image, commands):
        return None
    if stripped is not None:
        for command in commands:
            stripped.write_counts(command)
    identifier = (edit.identity or image.id_dylib or name).rpartition("/")[2].encode()
    return _assemble(image, commands, pieces, identifier if signed else None)


def _same(image: Slice, commands: list[bytearray]) -> bool:
    """Tell whether nothing but the signature differs from the load commands that the image has."""
    new = [bytes(command) for command in commands if command_number(command) != LC_CODE_SIGNATURE]
    return new == [command.body for command in image.commands if command.cmd != LC_CODE_SIGNATURE]


def edit_symbols(image: Slice, edit: Edit, pieces: dict[Piece, bytes]) -> bool:
    """Give symbols their new names and libraries in ``pieces``; tell whether any has one."""
    if not (edit.rename_symbols or edit.flat or edit.rename_imports):
        return False
    tries = {piece: trie.decode(pieces[piece]) for piece in TRIES if piece in pieces}
    renaming = plan(image, edit, (item.name for exports in tries.values() for item in exports))
    if not renaming:
        return False
    new: dict[Piece, bytes] = {}
    for piece, exports in tries.items():
        renamed = [renaming.export(item) for item in exports]
        if renamed != exports:
            new[piece] = padded(trie.encode(_unique(renamed)))
    new |= _edit_binds(pieces, renaming)
    if Piece.CHAINED_FIXUPS in pieces:
        new |= _edit_chained(pieces[Piece.CHAINED_FIXUPS], renaming)
    table = decode(pieces.get(Piece.SYMBOLS, b""), pieces.get(Piece.STRINGS, b""))
    if edits := nlist.find_edits(image, table, renaming):
        new |= nlist.rewrite(table, edits)
    pieces |= new
    return bool(new) or any(library.flat for library in renaming.libraries.values())


def _unique(exports: list[trie.Export]) -> list[trie.Export]:
    names: set[bytes] = set()
    for item in exports:
        if item.name in names:
            raise LinkageError(f"two exported symbols would have the name {item.name.decode('utf-8', 'backslashreplace')}")
        names.add(item.name)
    return exports


def _edit_binds(pieces: Mapping[Piece, bytes], renaming: Renaming) -> dict[Piece, bytes]:
    """Edit the opcodes; a lazy bind that changes makes all of them regular ones, as the linker's -bind_at_load does.

    __stub_helper holds offsets into the lazy table, which must stay right or unused; and dyld from macOS 12 on resolves all binds at load anyway.
    """
    regular = bindopcodes.decode(pieces.get(Piece.BIND, b"")).binds
    lazy = bindopcodes.decode(pieces.get(Piece.LAZY_BIND, b""), lazy=True).binds
    new_regular, new_lazy = ([_bind(item, renaming) for item in binds] for binds in (regular, lazy))
    new: dict[Piece, bytes] = {}
    if new_lazy != lazy:
        # Of two binds of one pointer, the later one counts: dyld makes the regular ones first.
        places = {(item.segment, item.offset) for item in new_lazy}
        new_regular = [item for item in new_regular if (item.segment, item.offset) not in places] + new_lazy
        new[Piece.LAZY_BIND] = b""
    if new_regular != regular:
        new[Piece.BIND] = padded(bindopcodes.encode(new_regular))
    weak = bindopcodes.decode(pieces.get(Piece.WEAK_BIND, b""))
    symbols = [(renaming.weak(name), flags) for name, flags in weak.symbols]
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
    edited = chained.ChainedFixups(starts=fixups.starts, imports_format=fixups.imports_format, imports=tuple(imports))
    return {Piece.CHAINED_FIXUPS: padded(chained.encode(edited))}


def _assemble(image: Slice, commands: list[bytearray], pieces: dict[Piece, bytes], identifier: bytes | None) -> bytearray:
    """Put the slice together, and sign it if there is an ``identifier``."""
    start = linkedit_segment(image).fileoff
    content, offsets = lay_out(pieces, start)
    end = offsets[Piece.SIGNATURE]
    sizes = {piece: len(data) for piece, data in pieces.items()}
    if identifier is not None:
        content += bytes(end - start - len(content))
        sizes[Piece.SIGNATURE] = codesign.size(end, identifier)
    filesize = len(content) + sizes.get(Piece.SIGNATURE, 0)
    for command in commands:
        write_fields(command, sizes, offsets)
        write_segment(command, filesize, PAGE_SIZES[image.arch])
    result = bytearray(image.data[:start])
    write_header(image, commands, result)
    result += content
    if identifier is not None:
        text = image.segment("__TEXT")
        bounds = (text.fileoff, text.filesize) if text else (0, 0)
        with memoryview(result) as code:
            signature = codesign.sign(code, identifier, bounds, is_program=image.filetype == MH_EXECUTE)
        result += signature
    return result
