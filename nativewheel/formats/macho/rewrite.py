"""Make an edit to one slice: new load commands, a new __LINKEDIT, a new signature, and every other byte as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.formats.image import Arch
from nativewheel.formats.macho import codesign
from nativewheel.formats.macho.constants import LC_CODE_SIGNATURE, MH_EXECUTE
from nativewheel.formats.macho.layoutcheck import PAGE_SIZES
from nativewheel.formats.macho.linkedit import Piece, lay_out, linkedit_segment, read_pieces, write_fields, write_segment
from nativewheel.formats.macho.loadedit import command_number, edit_commands, write_header
from nativewheel.formats.macho.signature import signed_name
from nativewheel.formats.macho.strip import strip
from nativewheel.formats.macho.symboledit import SymbolChanges, decide, write

if TYPE_CHECKING:
    from nativewheel.formats.image import Edit
    from nativewheel.formats.macho.slices import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A slice with an edit made to it, and what that was to do to its symbols; None for nothing."""

    content: bytearray
    changes: SymbolChanges | None


def rewrite(image: Slice, edit: Edit) -> Rewritten | None:
    """Make ``edit`` to a slice; return None if the edit changes nothing there.

    Raises ``UnreadableError``, and ``LinkageError`` for what cannot be done.
    """
    pieces = read_pieces(image)
    signed = pieces.pop(Piece.SIGNATURE, None) is not None or image.arch is Arch.AARCH64
    stripped = strip(pieces) if edit.strip else None
    if stripped is not None:
        pieces |= stripped.pieces
    changes = decide(image, edit, pieces)
    new = write(image, changes, pieces) if changes else {}
    renamed = bool(new) or (changes is not None and any(library.flat for library in changes.renaming.libraries.values()))
    pieces |= new
    commands = edit_commands(image, edit, signed=signed, renamed=renamed)
    if not renamed and stripped is None and _same(image, commands):
        return None
    if stripped is not None:
        for command in commands:
            stripped.write_counts(command)
    return Rewritten(content=_assemble(image, commands, pieces, _identifier(image, edit) if signed else None), changes=changes)


def _identifier(image: Slice, edit: Edit) -> bytes:
    """Return what the signature is to call the image: its install name, or as it was called before; equal images have equal ones in any file."""
    name = edit.identity or image.id_dylib or signed_name(image) or (image.uuid or b"").hex()
    return name.rpartition("/")[2].encode()


def _same(image: Slice, commands: list[bytearray]) -> bool:
    """Tell whether nothing but the signature differs from the load commands that the image has."""
    new = [bytes(command) for command in commands if command_number(command) != LC_CODE_SIGNATURE]
    return new == [command.body for command in image.commands if command.cmd != LC_CODE_SIGNATURE]


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
