"""What a PE file has behind its sections: certificates, COFF symbols, debug data, and bytes that only their owner understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_SECURITY
from nativewheel.formats.pe.debug import read_debug

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile
    from nativewheel.formats.pe.patches import Patches

SYMBOL_SIZE = 18
"""Bytes of a COFF symbol, behind all of which comes the string table with its size in its first four."""


def kept_size(pe: PeFile) -> int:
    """Return the size of the file without its certificates.  They stay, as dead bytes, when something comes after them."""
    if pe.certificates is None:
        return len(pe.data)
    start, size = pe.certificates
    return start if start >= pe.sections_end and not any(pe.data[start + size :]) else len(pe.data)


def drop_certificates(pe: PeFile, patches: Patches) -> None:
    """Take the certificates out of the directory."""
    if pe.certificates is not None:
        patches.put(pe.directories[IMAGE_DIRECTORY_ENTRY_SECURITY].entry, bytes(8))


def has_unknown_overlay(pe: PeFile) -> bool:
    """Whether there is something behind the sections that nothing in the headers tells of."""
    position = pe.sections_end
    for start, end in sorted(_known(pe)):
        if any(pe.data[position:start]):
            return True
        position = max(position, end)
    return any(pe.data[position:])


def _known(pe: PeFile) -> list[tuple[int, int]]:
    """Return the extents of all parts that the headers tell of."""
    known = [(entry.pointer, entry.pointer + entry.size) for entry in read_debug(pe)]
    if pe.certificates is not None:
        start, size = pe.certificates
        known.append((start, start + size))
    if pe.symbol_table:
        strings = pe.symbol_table + pe.symbol_count * SYMBOL_SIZE
        known.append((pe.symbol_table, strings + int.from_bytes(pe.data[strings : strings + 4], "little")))
    return known
