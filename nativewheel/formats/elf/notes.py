"""GNU properties: the x86-64 micro-architecture level that an image demands.

Source: System V psABI for x86-64, "Program Property"; Linux Extensions to gABI, ".note.gnu.property".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nativewheel.formats.elf.layout import PT_GNU_PROPERTY, PT_NOTE
from nativewheel.formats.image import IsaLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nativewheel.formats.elf.file import ElfFile
    from nativewheel.formats.elf.layout import Segment

NT_GNU_PROPERTY_TYPE_0 = 5
GNU_PROPERTY_X86_ISA_1_NEEDED = 0xC0008002
PROPERTY_HEADER = 8
NOTE_LIMIT = 1 << 16
"""Longest note segment that is looked at, bytes."""

_LEVELS = {1: IsaLevel.BASELINE, 2: IsaLevel.V2, 4: IsaLevel.V3, 8: IsaLevel.V4}


def isa_level(elf: ElfFile) -> IsaLevel:
    """Return the level that an x86-64 image demands.

    A note that is cut short ends the search without an error, because the loader ignores it as well.
    """
    segment = elf.first(PT_GNU_PROPERTY)
    segments = [segment] if segment is not None else [item for item in elf.segments if item.type == PT_NOTE]
    needed = 0
    for item in segments:
        for description in _properties(elf, item):
            needed |= _needed(elf, description)
    return max((level for bit, level in _LEVELS.items() if needed & bit), default=IsaLevel.BASELINE)


def _properties(elf: ElfFile, segment: Segment) -> Iterator[bytes]:
    if segment.filesz > NOTE_LIMIT or segment.offset + segment.filesz > len(elf.data):
        return
    notes = elf.take(segment.offset, segment.filesz, "a note segment")
    word = elf.layout.word
    align = 8 if segment.align == 8 else 4  # noqa: PLR2004  (the two alignments that notes have)
    position = 0
    while position + 3 * word.size <= len(notes):
        (namesz,), (descsz,), (kind,) = (word.unpack_from(notes, position + step) for step in (0, 4, 8))
        name = position + 3 * word.size
        description = position + -(-(3 * word.size + namesz) // align) * align
        end = description + descsz
        if end > len(notes):
            return
        if kind == NT_GNU_PROPERTY_TYPE_0 and notes[name : name + namesz] == b"GNU\0":
            yield notes[description:end]
        position = -(-end // align) * align


def _needed(elf: ElfFile, properties: bytes) -> int:
    word = elf.layout.word
    align = 8 if elf.layout.wide else 4
    bits = position = 0
    while position + PROPERTY_HEADER <= len(properties):
        (kind,) = word.unpack_from(properties, position)
        (size,) = word.unpack_from(properties, position + word.size)
        value = position + PROPERTY_HEADER
        if value + size > len(properties):
            break
        if kind == GNU_PROPERTY_X86_ISA_1_NEEDED and size == word.size:
            bits |= word.unpack_from(properties, value)[0]
        position = value + -(-size // align) * align
    return bits
