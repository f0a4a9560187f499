"""The debug directory: it has file offsets, which change when something before them does."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_DEBUG
from nativewheel.formats.pe.headers import Rva

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile

DEBUG_DIRECTORY = Struct("<IIHHIIII")
"""IMAGE_DEBUG_DIRECTORY: Characteristics, TimeDateStamp, MajorVersion, MinorVersion, Type, SizeOfData, AddressOfRawData, PointerToRawData."""
POINTER_FIELD = 24
"""Offset of PointerToRawData."""
MOST_ENTRIES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugEntry:
    """One kind of debug data; ``field`` is the RVA of the field that has ``pointer``, the file offset of ``size`` bytes.

    ``address`` is 0 for data that is in no section.
    """

    field: Rva
    pointer: int
    address: Rva
    size: int


def read_debug(pe: PeFile) -> tuple[DebugEntry, ...]:
    """Read the debug directory.  Raises ``UnreadableError``."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_DEBUG)
    if directory is None:
        return ()
    count = directory.size // DEBUG_DIRECTORY.size
    if count > MOST_ENTRIES:
        raise UnreadableError(f"{count} kinds of debug data", where=("debug directory",))
    table = pe.take(directory.address, count * DEBUG_DIRECTORY.size, "the debug directory")
    entries: list[DebugEntry] = []
    for number, (*_, size, address, pointer) in enumerate(DEBUG_DIRECTORY.iter_unpack(table)):
        field = Rva(directory.address + number * DEBUG_DIRECTORY.size + POINTER_FIELD)
        entries.append(DebugEntry(field=field, pointer=pointer, address=Rva(address), size=size))
    return tuple(entries)
