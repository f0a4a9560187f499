"""The import table and the delay-import table: which DLLs an image asks for, and which symbols of each.

Source: Microsoft's "PE Format"; delayimp.h; where the loader ends a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from nativewheel.errors import UnreadableError
from nativewheel.formats.pe.constants import DLATTR_RVA, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, IMAGE_DIRECTORY_ENTRY_IMPORT
from nativewheel.formats.pe.headers import NAME_LIMIT, SYMBOL_LIMIT, TEXT_BUDGET, PeFile, Rva
from nativewheel.formats.pe.names import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.pe.headers import Directory

DESCRIPTOR = Struct("<5I")
"""IMAGE_IMPORT_DESCRIPTOR: OriginalFirstThunk, TimeDateStamp, ForwarderChain, Name, FirstThunk."""
DELAY_DESCRIPTOR = Struct("<8I")
"""IMAGE_DELAYLOAD_DESCRIPTOR: Attributes, DllNameRVA, ModuleHandleRVA, ImportAddressTableRVA, ImportNameTableRVA, BoundImportAddressTableRVA,
UnloadInformationTableRVA, TimeDateStamp."""

MOST_DESCRIPTORS = 4096
MOST_SYMBOLS = 1 << 20
BLOCK = 1 << 10
"""Thunks that are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportDescriptor:
    """One DLL of the import table, or of the delay-import table (``delayed``).

    ``address`` is where the descriptor is, ``name_address`` where its name is, and ``name_field`` where the pointer to that name is; that pointer is
    an RVA, or a virtual address when ``is_virtual``.  ``lookup`` and ``thunks`` are OriginalFirstThunk and FirstThunk (the name table and the address
    table of a delay import).
    """

    address: Rva
    name: bytes
    name_address: Rva
    name_field: Rva
    lookup: Rva
    thunks: Rva
    timestamp: int
    forwarder_chain: int = 0
    delayed: bool = False
    is_virtual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSymbol:
    """One symbol of the DLL that ``descriptor`` names; by ``ordinal`` when ``name`` is None."""

    descriptor: ImportDescriptor
    name: bytes | None
    ordinal: int = 0


def read_imports(pe: PeFile) -> tuple[ImportDescriptor, ...]:
    """Read the import table, which ends where Name or FirstThunk is 0, whatever size the data directory states."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_IMPORT)
    if directory is None:
        return ()
    descriptors: list[ImportDescriptor] = []
    for address, (lookup, timestamp, chain, name, thunks) in _rows(pe, directory, DESCRIPTOR, "the import table"):
        if not name or not thunks:
            break
        descriptors.append(
            ImportDescriptor(
                address=address,
                name=pe.string(name, NAME_LIMIT, "the name of an imported DLL"),
                name_address=Rva(name),
                name_field=Rva(address + 12),
                lookup=Rva(lookup),
                thunks=Rva(thunks),
                timestamp=timestamp,
                forwarder_chain=chain,
            ),
        )
    return tuple(descriptors)


def read_delay_imports(pe: PeFile) -> tuple[ImportDescriptor, ...]:
    """Read the delay-import table, which ends where the name is 0."""
    directory = pe.directory(IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT)
    if directory is None:
        return ()
    descriptors: list[ImportDescriptor] = []
    for address, (attributes, name, _, thunks, lookup, _, _, timestamp) in _rows(pe, directory, DELAY_DESCRIPTOR, "the delay-import table"):
        if not name:
            break
        base = 0 if attributes & DLATTR_RVA else pe.image_base
        descriptors.append(
            ImportDescriptor(
                address=address,
                name=pe.string(name - base, NAME_LIMIT, "the name of a delay-loaded DLL"),
                name_address=Rva(name - base),
                name_field=Rva(address + 4),
                lookup=Rva(lookup - base),
                thunks=Rva(thunks - base),
                timestamp=timestamp,
                delayed=True,
                is_virtual=bool(base),
            ),
        )
    return tuple(descriptors)


def read_symbols(pe: PeFile, descriptors: tuple[ImportDescriptor, ...]) -> Iterator[ImportedSymbol]:
    """Yield what the image wants of each DLL.  Raises ``UnreadableError``."""
    names: dict[int, bytes] = {}
    text = count = 0
    by_ordinal = 1 << (8 * pe.pointer_size - 1)
    for descriptor in descriptors:
        base = pe.image_base if descriptor.is_virtual else 0
        for thunk in _thunks(pe, descriptor):
            count += 1
            address = thunk - base
            name = None
            if not thunk & by_ordinal:
                if address not in names:
                    # Before the name there is a hint of two bytes.
                    names[address] = pe.string(address + 2, SYMBOL_LIMIT, "the name of an imported symbol")
                    text += len(names[address])
                name = names[address]
            if count > MOST_SYMBOLS or text > TEXT_BUDGET:
                raise UnreadableError("more imported symbols than any image has", where=(decoded(descriptor.name),))
            yield ImportedSymbol(descriptor=descriptor, name=name, ordinal=thunk & 0xFFFF if name is None else 0)


def _rows(pe: PeFile, directory: Directory, form: Struct, what: str) -> Iterator[tuple[Rva, tuple[int, ...]]]:
    for number in range(MOST_DESCRIPTORS):
        address = Rva(directory.address + number * form.size)
        yield address, form.unpack(pe.take(address, form.size, what))
    raise UnreadableError(f"{what} has more than {MOST_DESCRIPTORS} entries", where=(f"RVA {directory.address:#x}",))


def _thunks(pe: PeFile, descriptor: ImportDescriptor) -> Iterator[int]:
    """Yield the entries of the lookup table, or of the address table of an image by a linker that writes only that (Borland)."""
    address: int = descriptor.lookup or descriptor.thunks
    form, what = Struct("<Q" if pe.is_plus else "<I"), "a table of imported symbols"
    while True:
        _, held, zeros = pe.extent(address, what)
        size = min(BLOCK * form.size, (held + zeros) // form.size * form.size)
        if not size:
            raise UnreadableError(f"{what} does not end", where=(decoded(descriptor.name), f"RVA {address:#x}"))
        for (thunk,) in form.iter_unpack(pe.take(address, size, what)):
            if not thunk:
                return
            yield thunk
        address += size
