"""The build attributes of ARM images, which tell ARMv6 from ARMv7.

Source: Addenda to the ABI for the Arm Architecture, "Build attributes".  They are in a section and in no segment, so they are gone with the
section headers; then the result is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nativewheel.formats.elf.file import ElfFile

SHT_ARM_ATTRIBUTES = 0x70000003
SECTION_LIMIT = 1 << 16
FORMAT_VERSION = b"A"
TAG_FILE = 1
TAG_COMPATIBILITY = 32
TEXT_TAGS = frozenset({4, 5, 67})
"""Tags below 32 and Tag_conformance whose value is a string: Tag_CPU_raw_name, Tag_CPU_name; above 32 the odd ones are strings."""


def arm_attributes(elf: ElfFile) -> dict[int, int]:
    """Return the numeric attributes that hold for the whole file; a table that makes no sense gives what came before the nonsense."""
    section = _section(elf)
    attributes: dict[int, int] = {}
    if section[:1] != FORMAT_VERSION:
        return attributes
    word = elf.layout.word
    position = 1
    while position + word.size < len(section):
        (size,) = word.unpack_from(section, position)
        vendor_end = section.find(b"\0", position + word.size)
        if size <= word.size or vendor_end < 0:
            break
        if section[position + word.size : vendor_end] == b"aeabi":
            _read_vendor(elf, section[vendor_end + 1 : position + size], attributes)
        position += size
    return attributes


def _read_vendor(elf: ElfFile, body: bytes, attributes: dict[int, int]) -> None:
    word = elf.layout.word
    position = 0
    while position + 1 + word.size <= len(body):
        (size,) = word.unpack_from(body, position + 1)
        if size <= word.size:
            return
        if body[position] == TAG_FILE:
            _read_pairs(body[position + 1 + word.size : position + size], attributes)
        position += size


def _read_pairs(pairs: bytes, attributes: dict[int, int]) -> None:
    position = 0
    while position < len(pairs):
        tag, position = _uleb128(pairs, position)
        if tag == TAG_COMPATIBILITY:
            _, position = _uleb128(pairs, position)
        if tag in TEXT_TAGS or (tag >= TAG_COMPATIBILITY and (tag == TAG_COMPATIBILITY or tag % 2)):
            end = pairs.find(b"\0", position)
            position = len(pairs) if end < 0 else end + 1
        else:
            attributes[tag], position = _uleb128(pairs, position)


def _uleb128(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + 5, len(data))):
        value |= (data[index] & 0x7F) << shift
        shift += 7
        if data[index] < 0x80:  # noqa: PLR2004  (the continuation bit)
            return value, index + 1
    return value, len(data)


def _section(elf: ElfFile) -> bytes:
    offset, entry_size, count = elf.sections
    form = elf.layout.section
    if not offset or entry_size != form.size or offset + count * entry_size > len(elf.data):
        return b""
    for fields in form.iter_unpack(elf.take(offset, count * entry_size, "the section headers")):
        _, kind, _, _, start, size, *_ = fields
        if kind == SHT_ARM_ATTRIBUTES and size <= SECTION_LIMIT and start + size <= len(elf.data):
            return elf.take(start, size, "the build attributes")
    return b""
