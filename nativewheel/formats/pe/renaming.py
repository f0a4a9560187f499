"""Give the DLLs that an image asks for other names: in its import table, its delay-import table and its forwarders.

A name goes where the old one was if it is not longer; otherwise it goes where there is room, and the pointers to the old one are changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.pe.constants import IMAGE_DIRECTORY_ENTRY_EXPORT
from nativewheel.formats.pe.exports import EXPORT_DIRECTORY, NAME_FIELD, read_directory, read_forwarders
from nativewheel.formats.pe.imports import read_delay_imports, read_imports
from nativewheel.formats.pe.names import decoded, folded, with_suffix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nativewheel.formats.image import Edit
    from nativewheel.formats.pe.exports import ExportDirectory, Forwarder
    from nativewheel.formats.pe.headers import PeFile, Rva
    from nativewheel.formats.pe.imports import ImportDescriptor
    from nativewheel.formats.pe.patches import Patches
    from nativewheel.formats.pe.room import Room

MOST_CHARACTERS = 255
"""Of the name of a file on Windows."""
FORBIDDEN = frozenset('\\/:*?"<>|')
"""In the name of a file on Windows; a DLL with a path in its name would not be searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All that an image calls DLLs by, as it is before an edit.

    ``shared`` are the addresses of names that have bytes in common with another name, as the ends of strings can.
    """

    descriptors: tuple[ImportDescriptor, ...]
    exports: ExportDirectory | None
    forwarders: tuple[Forwarder, ...]
    shared: frozenset[int]


def read_names(pe: PeFile) -> Names:
    """Read the names.  Raises ``UnreadableError``."""
    descriptors, exports, forwarders = read_imports(pe) + read_delay_imports(pe), read_directory(pe), read_forwarders(pe)
    strings = {(descriptor.name_address, len(descriptor.name) + 1) for descriptor in descriptors}
    strings |= {(forwarder.address, len(forwarder.text) + 1) for forwarder in forwarders}
    if exports is not None and exports.name_address:
        strings.add((exports.name_address, len(exports.name) + 1))
    return Names(descriptors=descriptors, exports=exports, forwarders=forwarders, shared=_shared(sorted(strings)))


def wanted_names(edit: Edit, own: str, names: Names) -> dict[str, bytes]:
    """Return the new name of each DLL that the image asks for and that is to be renamed, by what `loaded` makes of the old one.

    An image in a file called ``own`` that forwards to itself follows its own new name.  Raises ``LinkageError`` for a name that no DLL can have.
    """
    asked = {loaded(descriptor.name) for descriptor in names.descriptors}
    asked |= {loaded(forwarder.module) for forwarder in names.forwarders}
    wanted = {loaded(own.encode()): dll_name(edit.identity)} if edit.identity is not None else {}
    wanted |= {loaded(old.encode()): dll_name(new) for old, new in edit.replace if old != new}
    return {old: new for old, new in wanted.items() if old in asked}


def loaded(name: bytes) -> str:
    """Return what is equal for names by which the loader takes the same DLL: without case, and with .dll where there is no dot."""
    return folded(with_suffix(decoded(name)))


def dll_name(name: str) -> bytes:
    """Return the name of a DLL as bytes.  Raises ``LinkageError`` for one that no file can have."""
    if not name or len(name) > MOST_CHARACTERS or not (name.isascii() and name.isprintable()) or FORBIDDEN & set(name):
        raise LinkageError(f"{name!r} is no name that a DLL can have", hint="use ASCII letters, digits, dots, - and _")
    return name.encode()


def forwarded(forwarder: Forwarder, wanted: Mapping[str, bytes]) -> bytes:
    """Return the string of a forwarder after the renames.

    The loader adds .dll to a name without a dot, so one with a dot in its stem needs it written out.
    """
    new = wanted.get(loaded(forwarder.module))
    if new is None:
        return forwarder.text
    stem = new[:-4] if new.lower().endswith(b".dll") else new
    return (new if b"." in stem else stem) + b"." + forwarder.function


def rename_imports(pe: PeFile, names: Names, wanted: Mapping[str, bytes], patches: Patches, room: Room) -> None:
    """Rename DLLs in the import and delay-import tables.  Raises ``UnreadableError``."""
    placed: dict[bytes, Rva] = {}
    for descriptor in names.descriptors:
        new = wanted.get(loaded(descriptor.name))
        if new is None or _overwrite(pe, names, descriptor.name_address, descriptor.name, new, patches):
            continue
        if new not in placed:
            placed[new] = room.put(new + b"\0")
        base = pe.image_base if descriptor.is_virtual else 0
        patches.put_number(pe.offset(descriptor.name_field, 4, "the name in an import descriptor"), placed[new] + base)


def rename_exports(pe: PeFile, names: Names, wanted: Mapping[str, bytes], identity: bytes | None, patches: Patches, room: Room) -> None:
    """Rename DLLs in forwarders, and the image itself to ``identity`` if there is room without a new section.

    A forwarder is known by being inside the export directory.  So when one does not fit in its place the directory moves to where there is room for
    all of them; its tables stay.  No loader reads the name of the image, but debuggers and other programs show it.  Raises ``UnreadableError``.
    """
    exports = names.exports
    if exports is None:
        return
    changed = [(forwarder, forwarded(forwarder, wanted)) for forwarder in names.forwarders]
    changed = [(forwarder, new) for forwarder, new in changed if new != forwarder.text]
    if not all(_fits(names, forwarder.address, forwarder.text, new) for forwarder, new in changed):
        _move_directory(pe, names, exports, wanted, identity, patches, room)
        return
    for forwarder, new in changed:
        _overwrite(pe, names, forwarder.address, forwarder.text, new, patches)
    if identity is None or exports.name in {b"", identity} or _overwrite(pe, names, exports.name_address, exports.name, identity, patches):
        return
    address = room.put_into_slack(identity + b"\0")
    if address is not None:
        patches.put_number(pe.offset(exports.address + NAME_FIELD, 4, "the name in the export directory"), address)


def _move_directory(
    pe: PeFile, names: Names, exports: ExportDirectory, wanted: Mapping[str, bytes], identity: bytes | None, patches: Patches, room: Room
) -> None:
    block = bytearray(pe.take(exports.address, EXPORT_DIRECTORY.size, "the export directory"))
    own = len(block)
    if identity is not None and exports.name:
        block += identity + b"\0"
    places: dict[bytes, int] = {}
    for forwarder in names.forwarders:
        text = forwarded(forwarder, wanted)
        if text not in places:
            places[text] = len(block)
            block += text + b"\0"
    address = room.reserve(len(block), 4)
    if identity is not None and exports.name:
        block[NAME_FIELD : NAME_FIELD + 4] = (address + own).to_bytes(4, "little")
    room.fill(address, bytes(block))
    for forwarder in names.forwarders:
        place = places[forwarded(forwarder, wanted)]
        patches.put_number(pe.offset(forwarder.field, 4, "the entry of a forwarder"), address + place)
    entry = pe.directories[IMAGE_DIRECTORY_ENTRY_EXPORT].entry
    patches.put_number(entry, address)
    patches.put_number(entry + 4, len(block))


def _overwrite(pe: PeFile, names: Names, address: Rva, old: bytes, new: bytes, patches: Patches) -> bool:
    """Write ``new`` over the string ``old``, if it fits."""
    if not _fits(names, address, old, new):
        return False
    patches.put(pe.offset(address, len(old), "the name of a DLL"), new.ljust(len(old), b"\0"))
    return True


def _fits(names: Names, address: Rva, old: bytes, new: bytes) -> bool:
    return len(new) <= len(old) and address not in names.shared


def _shared(strings: Sequence[tuple[Rva, int]]) -> frozenset[int]:
    """Return which of the strings, each an address and a size in ascending order, overlap others."""
    shared: set[int] = set()
    last, end = 0, 0
    for start, size in strings:
        if start < end:
            shared |= {last, start}
        if start + size > end:
            last, end = start, start + size
    return frozenset(shared)
