"""What must hold of a PE file for every loader and tool to take it, whoever wrote it.

Loaders differ in how much of this they check: Wine loads images that Windows refuses.  Source: Microsoft's "PE Format"; what Windows refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.pe.constants import CERTIFICATE_ALIGNMENT, IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT, IMAGE_DIRECTORY_ENTRY_SECURITY
from nativewheel.formats.pe.debug import read_debug
from nativewheel.formats.pe.headers import SECTION_HEADER
from nativewheel.formats.pe.names import decoded
from nativewheel.formats.pe.overlay import SYMBOL_SIZE
from nativewheel.formats.pe.room import end_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.pe.headers import PeFile


def structure_problems(pe: PeFile) -> Iterator[str]:
    """Yield what is wrong with the structure of an image; its checksum is not looked at."""
    yield from _headers(pe)
    yield from _sections_in_file(pe)
    yield from _sections_in_memory(pe)
    yield from _directories(pe)
    yield from _file_offsets(pe)


def shared_bytes(pe: PeFile) -> list[bytes]:
    """Return the names of the sections that have bytes of the file in common with the headers or with a section before them."""
    shared: list[bytes] = []
    end = pe.section_table + len(pe.sections) * SECTION_HEADER.size
    for section in sorted(pe.sections, key=lambda section: section.raw_offset):
        if section.raw_size:
            if section.file_start < end:
                shared.append(section.name)
            end = section.raw_offset + section.raw_size
    return shared


def _headers(pe: PeFile) -> Iterator[str]:
    table_end = pe.section_table + len(pe.sections) * SECTION_HEADER.size
    if pe.size_of_headers < table_end:
        yield "SizeOfHeaders is less than the headers"
    if pe.sections and pe.size_of_headers > pe.sections[0].address:
        yield "SizeOfHeaders is above the address of the first section"
    if not pe.file_alignment or pe.size_of_headers % pe.file_alignment:
        yield "SizeOfHeaders is no multiple of FileAlignment"


def _sections_in_file(pe: PeFile) -> Iterator[str]:
    for section in pe.sections:
        if pe.file_alignment and section.raw_size and (section.raw_offset % pe.file_alignment or section.raw_size % pe.file_alignment):
            yield f"section {decoded(section.name)} is not aligned in the file"
    yield from (f"section {decoded(name)} shares bytes of the file with another one or with the headers" for name in shared_bytes(pe))


def _sections_in_memory(pe: PeFile) -> Iterator[str]:
    for section, following in zip(pe.sections, pe.sections[1:], strict=False):
        end = section.address + section.mapped_size
        if -(-end // pe.section_alignment) * pe.section_alignment != following.address:
            yield f"there is a gap behind section {decoded(section.name)}"
    if pe.size_of_image != end_of_memory(pe):
        yield "SizeOfImage is not where the sections end"


def _directories(pe: PeFile) -> Iterator[str]:
    for number in range(len(pe.directories)):
        directory = pe.directory(number)
        if directory is None or number == IMAGE_DIRECTORY_ENTRY_SECURITY:
            continue
        end = directory.address + directory.size
        section = pe.section_at(directory.address)
        in_headers = number == IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT and end <= pe.size_of_headers
        if not in_headers and (section is None or end > section.address + section.mapped_size):
            yield f"data directory {number} is not inside a section"


def _file_offsets(pe: PeFile) -> Iterator[str]:
    if pe.symbol_table and pe.symbol_table + pe.symbol_count * SYMBOL_SIZE > len(pe.data):
        yield "the COFF symbols are not in the file"
    for entry in read_debug(pe):
        section = pe.section_at(entry.address) if entry.address else None
        if entry.pointer + entry.size > len(pe.data):
            yield "debug data are not in the file"
        elif section is not None and entry.size and entry.pointer != section.file_start + entry.address - section.address:
            yield "a debug entry has another place in the file than in memory"
    if pe.certificates is not None and pe.certificates[0] % CERTIFICATE_ALIGNMENT:
        yield "the certificates are not aligned"
