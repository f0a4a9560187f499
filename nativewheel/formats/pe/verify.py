"""Compare an edited PE file with its source: what was asked must have happened, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import MachineError, UnreadableError
from nativewheel.formats.pe.checksum import checksum
from nativewheel.formats.pe.constants import (
    IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT,
    IMAGE_DIRECTORY_ENTRY_EXPORT,
    IMAGE_DIRECTORY_ENTRY_SECURITY,
)
from nativewheel.formats.pe.debug import read_debug
from nativewheel.formats.pe.exports import EXPORT_DIRECTORY
from nativewheel.formats.pe.headers import CHECKSUM_OFFSET, SECTION_HEADER, opened
from nativewheel.formats.pe.loadconfig import read_loadconfig
from nativewheel.formats.pe.names import decoded
from nativewheel.formats.pe.overlay import kept_size
from nativewheel.formats.pe.patches import CHUNK, Patches
from nativewheel.formats.pe.reader import model
from nativewheel.formats.pe.renaming import forwarded, loaded, read_names
from nativewheel.formats.pe.structure import structure_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Buffer

    from nativewheel.formats.image import Image
    from nativewheel.formats.pe.headers import PeFile
    from nativewheel.formats.pe.renaming import Names

COFF_FIELDS = ((2, 2), (8, 4))
"""Offset and size of NumberOfSections and PointerToSymbolTable, which an edit may change."""
OPTIONAL_FIELDS = ((8, 4), (56, 12))
"""SizeOfInitializedData; SizeOfImage, SizeOfHeaders and CheckSum."""
DIRECTORIES = (IMAGE_DIRECTORY_ENTRY_EXPORT, IMAGE_DIRECTORY_ENTRY_SECURITY, IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT)
SECTION_FIELDS = ((8, 4), (20, 12))
"""VirtualSize; PointerToRawData, PointerToRelocations and PointerToLinenumbers."""


def verify(before: PeFile, result: Buffer, wanted: Mapping[str, bytes], name: str) -> Image:
    """Check that ``result`` is ``before`` with the DLLs in ``wanted`` renamed, and return the model of it.

    ``name`` is that of the source's file.  Raises ``MachineError``, which says what is wrong, and ``UnreadableError`` when the source is.
    """
    known = frozenset(structure_problems(before))
    try:
        with opened(result) as after:
            for problem in _problems(before, known, after, wanted):
                raise MachineError(f"the edited file is damaged: {problem}", hint="please report this, with the file")
            return model(after, name)
    except UnreadableError as error:
        raise MachineError(f"the edited file is damaged: {error}", hint="please report this, with the file") from error


def _problems(before: PeFile, known: frozenset[str], after: PeFile, wanted: Mapping[str, bytes]) -> Iterator[str]:
    yield from (problem for problem in structure_problems(after) if problem not in known)
    old, new = read_names(before), read_names(after)
    if after.certificates is not None:
        yield "the certificates are still there"
    yield from _imports(old, new, wanted)
    yield from _exports(old, new, wanted)
    if wanted:
        yield from _loading(after, new)
    yield from _header(before, after)
    yield from _contents(before, after, _changing(before, old, wanted))
    yield from _checksum(before, after)


def _imports(old: Names, new: Names, wanted: Mapping[str, bytes]) -> Iterator[str]:
    names = [wanted.get(loaded(descriptor.name), descriptor.name) for descriptor in old.descriptors]
    if names != [descriptor.name for descriptor in new.descriptors]:
        found = ", ".join(decoded(descriptor.name) for descriptor in new.descriptors)
        yield f"the imported DLLs are {found} and not {', '.join(map(decoded, names))}"
    for before, after in zip(old.descriptors, new.descriptors, strict=False):
        if (before.delayed, before.lookup, before.thunks) != (after.delayed, after.lookup, after.thunks):
            yield f"the symbols of {decoded(before.name)} changed"


def _exports(old: Names, new: Names, wanted: Mapping[str, bytes]) -> Iterator[str]:
    before, after = old.exports, new.exports
    if before is None or after is None:
        if before is not after:
            yield "the export directory is lost"
        return
    if (before.base, before.names, before.ordinals, before.functions_address) != (after.base, after.names, after.ordinals, after.functions_address):
        yield "the exported symbols changed"
    texts = {forwarder.field: forwarded(forwarder, wanted) for forwarder in old.forwarders}
    if texts != {forwarder.field: forwarder.text for forwarder in new.forwarders}:
        yield "the forwarders are not those that were asked for"
    kept = [None if before.is_forwarder(function) else function for function in before.functions]
    if kept != [None if after.is_forwarder(function) else function for function in after.functions]:
        yield "the addresses of exported symbols changed"


def _loading(after: PeFile, names: Names) -> Iterator[str]:
    bound = any(descriptor.timestamp for descriptor in names.descriptors if not descriptor.delayed)
    if bound or after.directory(IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT) is not None:
        yield "the imports are still bound"
    configuration = read_loadconfig(after)
    if configuration is not None and configuration.dependent_load_flags:
        yield "DependentLoadFlags are still there"


def _header(before: PeFile, after: PeFile) -> Iterator[str]:
    if _kept_headers(before, len(before.sections)) != _kept_headers(after, len(before.sections)):
        yield "other fields of the headers changed"


def _kept_headers(pe: PeFile, sections: int) -> bytes:
    """Return the headers, with those of so many sections, with zeros for what an edit may change."""
    end = pe.section_table + sections * SECTION_HEADER.size
    zeros = Patches(end)
    for start, fields in ((pe.coff_header, COFF_FIELDS), (pe.optional_header, OPTIONAL_FIELDS)):
        for offset, size in fields:
            zeros.put(start + offset, bytes(size))
    for number in DIRECTORIES:
        if number < len(pe.directories):
            zeros.put(pe.directories[number].entry, bytes(8))
    for section in pe.sections[:sections]:
        for offset, size in SECTION_FIELDS:
            zeros.put(section.header + offset, bytes(size))
    return zeros.patched(pe.data, 0, end)


def _changing(pe: PeFile, names: Names, wanted: Mapping[str, bytes]) -> list[tuple[int, int]]:
    """Return the RVA and size of everything inside the sections that is to change."""
    changing: list[tuple[int, int]] = [(descriptor.name_field, 4) for descriptor in names.descriptors]
    changing += [(descriptor.address + 4, 8) for descriptor in names.descriptors if not descriptor.delayed]
    changing += [(descriptor.name_address, len(descriptor.name)) for descriptor in names.descriptors if loaded(descriptor.name) in wanted]
    moved = [forwarder for forwarder in names.forwarders if loaded(forwarder.module) in wanted]
    changing += [(forwarder.address, len(forwarder.text)) for forwarder in moved]
    if names.exports is not None:
        exports = names.exports
        changing += [(exports.address, EXPORT_DIRECTORY.size), (exports.name_address, len(exports.name))]
        changing.append((exports.functions_address, 4 * len(exports.functions) if names.forwarders else 0))
    configuration = read_loadconfig(pe)
    if configuration is not None and configuration.dependent_load_flags:
        changing.append((configuration.flags_field, 2))
    changing += [(entry.field, 4) for entry in read_debug(pe)]
    return changing


def _contents(before: PeFile, after: PeFile, changing: list[tuple[int, int]]) -> Iterator[str]:
    old, new = _without(before, changing), _without(after, changing)
    for ours, theirs in zip(before.sections, after.sections, strict=False):
        size = min(ours.file_size, ours.virtual_size or ours.raw_size)
        if not _same(before, old, ours.file_start, after, new, theirs.file_start, size):
            yield f"section {decoded(ours.name)} changed"
    size = max(kept_size(before) - before.sections_end, 0)
    if max(len(after.data) - after.sections_end, 0) != size or not _same(before, old, before.sections_end, after, new, after.sections_end, size):
        yield "what is behind the sections changed"


def _without(pe: PeFile, changing: list[tuple[int, int]]) -> Patches:
    """Return zeros for all that is to change, which is there in both files."""
    zeros = Patches(len(pe.data))
    for address, size in changing:
        if size:
            zeros.put(pe.offset(address, size, "a part that was edited"), bytes(size))
    return zeros


def _same(before: PeFile, old: Patches, start: int, after: PeFile, new: Patches, other: int, size: int) -> bool:
    """Compare by copies, because the comparison of two views takes fifty times as long."""
    return all(
        old.patched(before.data, start + at, start + min(at + CHUNK, size)) == new.patched(after.data, other + at, other + min(at + CHUNK, size))
        for at in range(0, size, CHUNK)
    )


def _checksum(before: PeFile, after: PeFile) -> Iterator[str]:
    if not before.checksum or not after.checksum:
        if before.checksum != after.checksum:
            yield "the checksum is lost"
        return
    if after.checksum != checksum(Patches(len(after.data)).copy(after.data), after.optional_header + CHECKSUM_OFFSET):
        yield "the checksum is not that of the file"
