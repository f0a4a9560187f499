"""The pieces of __LINKEDIT: which load command points at which, and the layout of all of them together.

dyld maps the segment once and goes by the offsets in the load commands; from macOS 10.14 on it refuses pieces that are not aligned.  strip and
codesign want the order that linkers write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError, UnreadableError
from nativewheel.formats.macho import constants as lc
from nativewheel.formats.macho.commands import fixed_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nativewheel.formats.macho.commands import LoadCommand, Segment
    from nativewheel.formats.macho.slices import Slice


class Piece(IntEnum):
    """What is in __LINKEDIT, in the order of linkers."""

    REBASE = auto()
    BIND = auto()
    WEAK_BIND = auto()
    LAZY_BIND = auto()
    EXPORT = auto()
    CHAINED_FIXUPS = auto()
    EXPORTS_TRIE = auto()
    LOCAL_RELOCATIONS = auto()
    SPLIT_INFO = auto()
    FUNCTION_STARTS = auto()
    DATA_IN_CODE = auto()
    OPTIMIZATION_HINTS = auto()
    CODE_SIGN_DRS = auto()
    ATOM_INFO = auto()
    SYMBOLS = auto()
    EXTERNAL_RELOCATIONS = auto()
    INDIRECT_SYMBOLS = auto()
    STRINGS = auto()
    SIGNATURE = auto()


ALIGNMENTS = {Piece.INDIRECT_SYMBOLS: 4, Piece.STRINGS: 1, Piece.SIGNATURE: 16}
ALIGNMENT = 8
"""Of all others."""

ABSENT_AT_ZERO = {Piece.REBASE, Piece.BIND, Piece.WEAK_BIND, Piece.LAZY_BIND, Piece.EXPORT}
ABSENT_AT_ZERO |= {Piece.LOCAL_RELOCATIONS, Piece.EXTERNAL_RELOCATIONS, Piece.INDIRECT_SYMBOLS}
"""Empty pieces whose offset is 0; dyld wants that of others inside __LINKEDIT all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a load command states a piece: bytes from its start to the offset and to the count of ``unit`` bytes each."""

    piece: Piece
    offset_at: int = 8
    count_at: int = 12
    unit: int = 1


FIELDS: dict[int, tuple[Field, ...]] = {
    lc.LC_SYMTAB: (Field(piece=Piece.SYMBOLS, unit=16), Field(piece=Piece.STRINGS, offset_at=16, count_at=20)),
    lc.LC_DYSYMTAB: (
        Field(piece=Piece.INDIRECT_SYMBOLS, offset_at=56, count_at=60, unit=4),
        Field(piece=Piece.EXTERNAL_RELOCATIONS, offset_at=64, count_at=68, unit=8),
        Field(piece=Piece.LOCAL_RELOCATIONS, offset_at=72, count_at=76, unit=8),
    ),
    lc.LC_DYLD_INFO: tuple(Field(piece=piece, offset_at=8 * piece, count_at=8 * piece + 4) for piece in list(Piece)[:5]),
    lc.LC_DYLD_CHAINED_FIXUPS: (Field(piece=Piece.CHAINED_FIXUPS),),
    lc.LC_DYLD_EXPORTS_TRIE: (Field(piece=Piece.EXPORTS_TRIE),),
    lc.LC_SEGMENT_SPLIT_INFO: (Field(piece=Piece.SPLIT_INFO),),
    lc.LC_FUNCTION_STARTS: (Field(piece=Piece.FUNCTION_STARTS),),
    lc.LC_DATA_IN_CODE: (Field(piece=Piece.DATA_IN_CODE),),
    lc.LC_LINKER_OPTIMIZATION_HINT: (Field(piece=Piece.OPTIMIZATION_HINTS),),
    lc.LC_DYLIB_CODE_SIGN_DRS: (Field(piece=Piece.CODE_SIGN_DRS),),
    lc.LC_ATOM_INFO: (Field(piece=Piece.ATOM_INFO),),
    lc.LC_CODE_SIGNATURE: (Field(piece=Piece.SIGNATURE),),
}
FIELDS[lc.LC_DYLD_INFO_ONLY] = FIELDS[lc.LC_DYLD_INFO]

LC_NOTE, LC_ENCRYPTION_INFO_64, LC_SOURCE_VERSION = 0x31, 0x2C, 0x2A
VERSIONS = {lc.LC_VERSION_MIN_MACOSX, LC_SOURCE_VERSION}
"""Commands of 16 bytes whose numbers look like offsets."""
OLD_TABLES = {36: "a table of contents", 44: "a module table", 52: "a table of referenced symbols"}
"""Counts in LC_DYSYMTAB of tables that linkers stopped to write before there was arm64 (bytes from the start of the command)."""


def linkedit_segment(image: Slice) -> Segment:
    """Return __LINKEDIT, which must be the last segment in the file and in memory, so that it can grow.  Raises ``LinkageError``."""
    segment = image.segment("__LINKEDIT")
    if segment is None:
        raise LinkageError("cannot edit an image without a __LINKEDIT segment")
    end = max(item.fileoff + item.filesize for item in image.segments)
    last = max((item.vmaddr + item.vmsize for item in image.segments if item is not segment), default=0)
    if last > segment.vmaddr or segment.fileoff + segment.filesize < end or segment.sections:
        raise LinkageError("cannot edit an image whose __LINKEDIT is not the last segment")
    if len(image.data) > end and any(image.data[end:]):
        raise LinkageError(f"cannot edit an image with {len(image.data) - end} bytes behind __LINKEDIT, which belong to nothing")
    return segment


def read_pieces(image: Slice) -> dict[Piece, bytes]:
    """Return what there is in __LINKEDIT, without what is empty.

    Raises ``UnreadableError`` for pieces outside of it or over each other, and ``LinkageError`` for something that nobody knows how to move.
    """
    segment = linkedit_segment(image)
    start, end = segment.fileoff, segment.fileoff + segment.filesize
    places: dict[Piece, tuple[int, int]] = {}
    for command in image.commands:
        if command.cmd not in FIELDS:
            _refuse_unknown(command, start, end)
        for field in FIELDS.get(command.cmd, ()):
            offset, size = read_field(command, field)
            if size and field.piece in places:
                raise UnreadableError("a second load command for the same piece of __LINKEDIT", where=command.place)
            if size:
                places[field.piece] = offset, size
        if command.cmd == lc.LC_DYSYMTAB:
            _refuse_old_tables(command)
    reached = start
    for offset, size in sorted(places.values()):
        if not reached <= offset <= offset + size <= end:
            raise UnreadableError("a piece of __LINKEDIT is outside of it or over another one", where=(f"offset {offset:#x}, {size} bytes",))
        reached = offset + size
    return {piece: image.take(offset, size, "a piece of __LINKEDIT") for piece, (offset, size) in places.items()}


def read_field(command: LoadCommand, field: Field) -> tuple[int, int]:
    """Return the offset and the size in bytes of a piece, as its load command states them."""
    if field.count_at + 4 > command.size:
        raise UnreadableError(f"a load command of {command.size} bytes", where=command.place)
    return _word(command, field.offset_at), _word(command, field.count_at) * field.unit


def _word(command: LoadCommand, at: int) -> int:
    return int.from_bytes(command.body[at : at + 4], "little")


def _refuse_unknown(command: LoadCommand, start: int, end: int) -> None:
    """Refuse what points into __LINKEDIT in a way that newer systems may know: every such command so far is an offset and a size."""
    offset = size = 0
    if command.cmd == LC_NOTE:
        offset, size = int.from_bytes(command.body[24:32], "little"), int.from_bytes(command.body[32:40], "little")
    elif command.size == 16 and command.cmd not in VERSIONS:  # noqa: PLR2004  (linkedit_data_command)
        offset, size = _word(command, 8), _word(command, 12)
    if size and start <= offset < end:
        raise LinkageError("cannot edit an image with a load command that points at data of an unknown kind", where=command.place)
    if command.cmd == LC_ENCRYPTION_INFO_64 and _word(command, 16):
        raise LinkageError("cannot edit an encrypted image", where=command.place)


def _refuse_old_tables(command: LoadCommand) -> None:
    for at, name in OLD_TABLES.items():
        if _word(command, at):
            raise LinkageError(f"cannot edit an image with {name}, which only linkers before 2011 wrote", where=command.place)


def lay_out(pieces: Mapping[Piece, bytes], start: int) -> tuple[bytearray, dict[Piece, int]]:
    """Put the pieces one after the other from file offset ``start`` on; return the bytes, and the file offset of each piece.

    The signature is not among them, but has a place.  An empty piece that must have an offset gets that of the next one.
    """
    content = bytearray()
    offsets: dict[Piece, int] = {}
    for piece, data in sorted(pieces.items()):
        if data:
            content += bytes(-(start + len(content)) % ALIGNMENTS.get(piece, ALIGNMENT))
            offsets[piece] = start + len(content)
            content += data
    end = start + len(content)
    offsets[Piece.SIGNATURE] = end + -end % ALIGNMENTS[Piece.SIGNATURE]
    following = start
    for piece in reversed(Piece):
        if piece not in offsets:
            offsets[piece] = 0 if piece in ABSENT_AT_ZERO else following
        elif piece is not Piece.SIGNATURE:
            following = offsets[piece]
    return content, offsets


def write_fields(command: bytearray, sizes: Mapping[Piece, int], offsets: Mapping[Piece, int]) -> None:
    """Make a load command state the new places."""
    for field in FIELDS.get(int.from_bytes(command[:4], "little"), ()):
        command[field.offset_at : field.offset_at + 4] = offsets[field.piece].to_bytes(4, "little")
        command[field.count_at : field.count_at + 4] = (sizes.get(field.piece, 0) // field.unit).to_bytes(4, "little")


def write_segment(command: bytearray, filesize: int, page: int) -> None:
    """Make the load command of __LINKEDIT state its new size; leave others as they are."""
    if int.from_bytes(command[:4], "little") == lc.LC_SEGMENT_64 and fixed_name(bytes(command[8:24])) == "__LINKEDIT":
        command[32:40] = (-(-filesize // page) * page).to_bytes(8, "little")
        command[48:56] = filesize.to_bytes(8, "little")


def padded(data: bytes) -> bytes:
    """Fill a new piece with zeros to the size that linkers give it; dyld stops before them."""
    return data + bytes(-len(data) % ALIGNMENT)
