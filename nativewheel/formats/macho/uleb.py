"""The variable-length numbers (LEB128) of dyld's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LENGTH = 10
"""Bytes of 7 bits that 64 bits need; dyld refuses a number that goes on."""

MASK = (1 << 64) - 1


def read_uleb(data: Sequence[int], offset: int) -> tuple[int, int]:
    """Decode the unsigned number at ``offset``; return it with the offset behind it.

    Padding (a last byte of zero) is accepted, as by dyld.  Raises ``UnreadableError`` for a number of more than 64 bits or past the end of ``data``.
    """
    value = shift = 0
    for index in range(offset, min(offset + MAX_LENGTH, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            if value > MASK:
                break
            return value, index + 1
        shift += 7
    raise UnreadableError("a ULEB128 number does not end, or has more than 64 bits", where=(f"byte {offset:#x} of the table",))


def read_sleb(data: Sequence[int], offset: int) -> tuple[int, int]:
    """Decode the signed number at ``offset``; return it with the offset behind it.  Raises ``UnreadableError``."""
    value = shift = 0
    for index in range(offset, min(offset + MAX_LENGTH, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            if byte & 0x40:
                value -= 1 << shift
            if not -(1 << 63) <= value < 1 << 63:
                break
            return value, index + 1
    raise UnreadableError("an SLEB128 number does not end, or has more than 64 bits", where=(f"byte {offset:#x} of the table",))


def uleb(value: int) -> bytes:
    """Encode a number of at most 64 bits, as short as possible."""
    if value < 0x80:  # noqa: PLR2004  (one byte)
        return value.to_bytes()
    encoded = bytearray()
    while value >= 0x80:  # noqa: PLR2004  (seven bits a byte)
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def sleb(value: int) -> bytes:
    """Encode a signed number of at most 64 bits, as short as possible."""
    encoded = bytearray()
    while not -0x40 <= value < 0x40:  # noqa: PLR2004  (seven bits a byte, one of them the sign)
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)
