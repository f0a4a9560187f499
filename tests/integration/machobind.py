"""Decode the opcodes of LC_DYLD_INFO, for the emulator."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MASK = (1 << 64) - 1


class Bind(NamedTuple):
    """A pointer that is to hold the address of a symbol; ``table`` is regular, lazy, weak or chained."""

    address: int
    ordinal: int
    name: str
    addend: int
    weak_import: bool
    table: str


def uleb(data: bytes, position: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number; return it and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def sleb(data: bytes, position: int) -> tuple[int, int]:
    """Read a signed LEB128 number; return it and the position after it."""
    start = position
    value, position = uleb(data, position)
    bits = 7 * (position - start)
    return (value - (1 << bits) if data[position - 1] & 0x40 else value), position


def rebases(data: bytes, starts: Sequence[int]) -> Iterator[int]:  # noqa: C901  (a case for each opcode)
    """Yield the address of each pointer that slides with the image."""
    position = address = 0
    while position < len(data):
        opcode, small = data[position] & 0xF0, data[position] & 0xF
        position += 1
        count, skip = 0, 0
        match opcode:
            case 0x00:
                return
            case 0x10:
                assert small == 1, "only pointers are rebased on 64-bit machines"
            case 0x20:
                offset, position = uleb(data, position)
                address = starts[small] + offset
            case 0x30:
                offset, position = uleb(data, position)
                address = (address + offset) & MASK
            case 0x40:
                address += small * 8
            case 0x50:
                count = small
            case 0x60:
                count, position = uleb(data, position)
            case 0x70:
                count = 1
                skip, position = uleb(data, position)
            case 0x80:
                count, position = uleb(data, position)
                skip, position = uleb(data, position)
            case _:
                raise ValueError(f"rebase opcode {opcode:#x}")
        for _ in range(count):
            yield address
            address = (address + 8 + skip) & MASK


def binds(data: bytes, starts: Sequence[int], table: str) -> Iterator[Bind]:  # noqa: C901, PLR0912  (a case for each opcode)
    """Yield the symbols and places of a table; what only says that the image has a definition of its own is left out."""
    position = address = ordinal = addend = 0
    name, flags = "", 0
    while position < len(data):
        opcode, small = data[position] & 0xF0, data[position] & 0xF
        position += 1
        count, skip = 0, 0
        match opcode:
            case 0x00:
                if table != "lazy":
                    return
            case 0x10:
                ordinal = small
            case 0x20:
                ordinal, position = uleb(data, position)
            case 0x30:
                ordinal = small - 16 if small else 0
            case 0x40:
                end = data.index(0, position)
                name, flags, position = data[position:end].decode(), small, end + 1
            case 0x50:
                assert small == 1, "only pointers are bound on 64-bit machines"
            case 0x60:
                addend, position = sleb(data, position)
            case 0x70:
                offset, position = uleb(data, position)
                address = (starts[small] + offset) & MASK
            case 0x80:
                offset, position = uleb(data, position)
                address = (address + offset) & MASK
            case 0x90:
                count = 1
            case 0xA0:
                count = 1
                skip, position = uleb(data, position)
            case 0xB0:
                count, skip = 1, small * 8
            case 0xC0:
                count, position = uleb(data, position)
                skip, position = uleb(data, position)
            case _:
                raise ValueError(f"bind opcode {opcode:#x}")
        for _ in range(count):
            yield Bind(address, -3 if table == "weak" else ordinal, name, addend, bool(flags & 1), table)
            address = (address + 8 + skip) & MASK


def pointer(value: int) -> bytes:
    """Return what a 64-bit pointer looks like in memory."""
    return struct.pack("<Q", value & MASK)
