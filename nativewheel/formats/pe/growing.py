"""Add a section to an image: its header behind the others, its content behind theirs, and all that then has another place.

Source: Microsoft's "PE Format"; the loader wants sections without gaps between them, and SizeOfHeaders not above the first section's address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.errors import LinkageError
from nativewheel.formats.pe.constants import IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ
from nativewheel.formats.pe.debug import read_debug
from nativewheel.formats.pe.headers import PAGE, SECTION_HEADER, SIZE_OF_HEADERS_OFFSET, SIZE_OF_IMAGE_OFFSET

if TYPE_CHECKING:
    from nativewheel.formats.pe.headers import PeFile
    from nativewheel.formats.pe.patches import Patches

NAME = b".nwnames"
NUMBER_OF_SECTIONS_OFFSET, SYMBOL_TABLE_OFFSET = 2, 8
"""In the COFF header."""
SIZE_OF_INITIALIZED_DATA_OFFSET = 8
"""In the optional header."""
SECTION_POINTERS = (20, 24, 28)
"""PointerToRawData, PointerToRelocations and PointerToLinenumbers in a section header."""
MOST_SECTIONS = 96
"""That every version of Windows loads."""
MOST_BYTES = 0xFFFFFFFF
ALIGNMENTS = frozenset(1 << bits for bits in range(9, 17))
"""What FileAlignment may be."""


def add_section(pe: PeFile, content: bytes, address: int, patches: Patches) -> None:
    """Add a readable section with ``content`` at the RVA ``address``, behind all others.  Raises ``LinkageError`` when there is no room for it."""
    alignment = pe.file_alignment
    if len(pe.sections) >= MOST_SECTIONS or alignment not in ALIGNMENTS or pe.section_alignment % PAGE:
        raise LinkageError("the image has no room for another section, which longer names of DLLs would need")
    place = pe.section_table + len(pe.sections) * SECTION_HEADER.size
    first_data = min((section.raw_offset for section in pe.sections if section.raw_size), default=pe.sections_end)
    grown = _growth(pe, place, first_data, patches)
    end = pe.sections_end
    start = -(-(end + grown) // alignment) * alignment
    size = -(-len(content) // alignment) * alignment
    if max(address + len(content), start + size) > MOST_BYTES:
        raise LinkageError("the edited image would be larger than the format can describe")
    flags = IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
    header = SECTION_HEADER.pack(NAME, len(content), address, size, start, 0, 0, 0, 0, flags)
    if grown:
        patches.insert(first_data, header[max(first_data - place, 0) :].ljust(grown, b"\0"))
        patches.put_number(pe.optional_header + SIZE_OF_HEADERS_OFFSET, pe.size_of_headers + grown)
    patches.put(place, header[: max(first_data - place, 0)])
    patches.insert(end, bytes(start - end - grown) + content.ljust(size, b"\0"))
    patches.put_number(pe.coff_header + NUMBER_OF_SECTIONS_OFFSET, len(pe.sections) + 1, 2)
    patches.put_number(pe.optional_header + SIZE_OF_IMAGE_OFFSET, -(-(address + len(content)) // pe.section_alignment) * pe.section_alignment)
    total = pe.optional_header + SIZE_OF_INITIALIZED_DATA_OFFSET
    patches.put_number(total, (int.from_bytes(pe.data[total : total + 4], "little") + size) & 0xFFFFFFFF)
    _move_pointers(pe, patches)


def _growth(pe: PeFile, place: int, first_data: int, patches: Patches) -> int:
    """Return by how many bytes the headers must grow for a section header at ``place``."""
    limit = min(first_data, pe.size_of_headers)
    wanted = place + SECTION_HEADER.size
    if place > limit or any(patches.patched(pe.data, place, min(wanted, limit))):
        raise LinkageError("there is something behind the section headers, where another one would have to go")
    if wanted <= limit:
        return 0
    grown = -(-(wanted - limit) // pe.file_alignment) * pe.file_alignment
    if pe.size_of_headers > first_data or not pe.sections or pe.size_of_headers + grown > pe.sections[0].address:
        raise LinkageError("there is no room for another section header, neither in the file nor in memory")
    return grown


def _move_pointers(pe: PeFile, patches: Patches) -> None:
    """Change all file offsets in the headers and in the debug directory to where their data are now."""
    fields = [section.header + field for section in pe.sections for field in SECTION_POINTERS]
    fields.append(pe.coff_header + SYMBOL_TABLE_OFFSET)
    fields += [pe.offset(entry.field, 4, "a pointer to debug data") for entry in read_debug(pe)]
    for field in fields:
        pointer = int.from_bytes(pe.data[field : field + 4], "little")
        if 0 < pointer < len(pe.data) and patches.moved(pointer) != pointer:
            patches.put_number(field, patches.moved(pointer))
