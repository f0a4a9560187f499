"""The CheckSum of a PE file: that of its 16-bit words, with the carries added in again, and its length.

Windows checks it for drivers and for libraries of critical processes.  Source: CheckSumMappedFile of imagehlp, which leaves the field itself out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CHUNK = 1 << 20
"""Bytes to be summed at once; a multiple of two."""
MODULUS = 0xFFFF
FIELD_SIZE = 4


def checksum(chunks: Iterable[bytes], field: int) -> int:
    """Return the checksum of a file that comes in ``chunks``, all but the last with an even length, and has its CheckSum at the offset ``field``.

    ``field`` need not be even.  The words of any number, little end first, add up to that number modulo 65535: so numbers as long as a chunk are
    added, which takes a fifth of the time of words.
    """
    total = size = 0
    for chunk in chunks:
        total += int.from_bytes(_without(chunk, field - size), "little")
        size += len(chunk)
    return ((total - 1) % MODULUS + 1 if total else 0) + size & 0xFFFFFFFF


def _without(chunk: bytes, field: int) -> bytes:
    """Return the chunk with zeros in place of the part of the field that it has; ``field`` counts from its start."""
    start, end = max(field, 0), min(field + FIELD_SIZE, len(chunk))
    return chunk if start >= end else chunk[:start] + bytes(end - start) + chunk[end:]
