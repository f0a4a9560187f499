"""What dyld and the kernel check of an image before they use it, for the emulator."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machofile import MachO

LC_SYMTAB, LC_DYSYMTAB, LC_CODE_SIGNATURE, LC_UUID = 0x2, 0xB, 0x1D, 0x1B
DYLD_INFO = {0x22, 0x80000022}
LINKEDIT_DATA = {0x1D, 0x1E, 0x26, 0x29, 0x2B, 0x2E, 0x36, 0x80000033, 0x80000034}
PAGES = {0x01000007: 0x1000, 0x0100000C: 0x4000}


class Piece(NamedTuple):
    """A part of __LINKEDIT."""

    offset: int
    size: int
    alignment: int
    command: int


def fault(image: MachO) -> str | None:
    """Say what is wrong with the layout of an image, None if nothing is."""
    return next(_faults(image), None)


def _faults(image: MachO) -> Iterator[str]:
    _, at, length = image.commands[-1]
    if any(section.offset < at + length for section in image.sections if section.offset):
        yield "load commands overlap a section"
    for before, after in pairwise(image.segments):
        if (after.file_size and before.offset + before.file_size > after.offset) or before.address + before.size > after.address:
            yield f"{after.name} overlaps {before.name}"
    if not any(command == LC_UUID for command, _, _ in image.commands):
        yield "no LC_UUID"
    names = [dylib.name for dylib in image.dylibs]
    if not names or len(set(names)) != len(names):
        yield f"libraries: {names}"
    yield from _linkedit(image)


def _linkedit(image: MachO) -> Iterator[str]:
    segment = image.segments[-1]
    if segment.name != "__LINKEDIT" or segment.offset + segment.file_size != len(image.data) or segment.protection != 1:
        yield "__LINKEDIT is not the last segment, read-only and up to the end of the file"
    if segment.offset % PAGES[image.cpu] or segment.address % PAGES[image.cpu]:
        yield "__LINKEDIT does not start on a page"
    found = sorted(piece for piece in _pieces(image) if piece.size)
    for piece in found:
        if piece.offset < segment.offset or piece.offset + piece.size > segment.offset + segment.file_size:
            yield f"{piece} is not in __LINKEDIT"
        if piece.offset % piece.alignment:
            yield f"{piece} is not aligned"
    for before, after in pairwise(found):
        if before.offset + before.size > after.offset:
            yield f"{after} overlaps {before}"
    if found[-1].command != LC_CODE_SIGNATURE and any(piece.command == LC_CODE_SIGNATURE for piece in found):
        yield "the signature is not last"


def _pieces(image: MachO) -> Iterator[Piece]:
    for command, at, _ in image.commands:
        if command in LINKEDIT_DATA:
            offset, size = struct.unpack_from("<2I", image.data, at + 8)
            yield Piece(offset, size, 16 if command == LC_CODE_SIGNATURE else 8, command)
        elif command in DYLD_INFO:
            values = struct.unpack_from("<10I", image.data, at + 8)
            yield from (Piece(offset, size, 8, command) for offset, size in zip(values[::2], values[1::2], strict=True))
        elif command == LC_SYMTAB:
            symbols, count, strings, size = struct.unpack_from("<4I", image.data, at + 8)
            yield Piece(symbols, 16 * count, 8, command)
            yield Piece(strings, size, 1, command)
        elif command == LC_DYSYMTAB:
            offset, count = struct.unpack_from("<2I", image.data, at + 56)
            yield Piece(offset, 4 * count, 4, command)
